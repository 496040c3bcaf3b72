"""What is written beside the photo."""
