"""Bytes to send, safely.

kind        an image format as its first bytes tell it, never its file name
child       the process that decodes: the daemon itself never parses a photo
exchange    one photo to a child, one answer back
prepared    upright, shrunk, sRGB, without any metadata: fresh pixels in a JPEG
"""
