"""Which files, and when are they finished?"""
