"""Runs the program as `python -m captiond`."""

from captiond.cli import main

main()
