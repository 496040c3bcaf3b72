"""May we ask now, and what did it cost?"""
