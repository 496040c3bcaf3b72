"""captiond watches folders for new photos and captions them."""

__version__ = "0.1.0"
