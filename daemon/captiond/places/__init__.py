"""Names the place of coordinates, offline."""
