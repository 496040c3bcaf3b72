"""What holds for the photos of one folder: `.captiond.toml`, read from the root down.

rules       what one file says; None where it says nothing
in force    what holds in a folder: its file, on top of those of the folders above
broken      a file that cannot be read, or says what it may not: nothing is done beneath it
closed      a folder that is left alone: by `.nomedia`, or by `ignore`

Whoever can write to a folder can put such a file there. So it names no other files, what keeps
things back (`private`, `context = false`, `ignore`) is never undone by one below, and it is small.
"""
