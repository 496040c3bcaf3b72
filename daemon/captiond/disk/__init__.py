"""Files in the watched folders: opened beneath a root, read, written, never through a link."""
