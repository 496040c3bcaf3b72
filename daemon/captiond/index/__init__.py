"""What is known, and whose turn is next."""
