"""What verbs do that are more than a question to the index, but for `run` and `plan`."""
