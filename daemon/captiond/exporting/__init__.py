"""Writes a whole library for other programs: the verb `export`."""
