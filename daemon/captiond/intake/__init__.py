"""Which files, and when are they finished?

root        a watched folder; `WatchedFolder` holds its rules
event       what the kernel says happened to a path: a hint to look there, never a fact
hint        a path to look at; two looks at it decide
scan        a walk of the root compared with the index: what events missed becomes hints
settled     two looks a settle time apart saw the same: the file is finished, or gone
sighting    a settled file on its way into the index

Events and scans only ever give hints; every file passes the same settle step.
"""
