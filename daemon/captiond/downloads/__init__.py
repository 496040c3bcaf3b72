"""Fetches photos from the web.

address     an http(s) URL that somebody wrote: on the command line, or into a link file
told        an address without what only its first reader was to know: login, signed query
inside      an address of this machine or of a private network; none is reached unless the
            configuration names it
partial     the file that a download grows in, beside its place; what is there of it is not
            fetched twice
"""
