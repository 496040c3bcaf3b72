"""Bytes to send, safely."""
