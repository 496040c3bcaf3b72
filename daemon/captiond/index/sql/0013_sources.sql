-- Where a content was downloaded from; and the addresses that are still to be fetched, or ended badly.
CREATE TABLE sources (
    digest TEXT PRIMARY KEY,
    url TEXT NOT NULL,
    fetched_at REAL NOT NULL
) WITHOUT ROWID;

CREATE TABLE downloads (
    id INTEGER PRIMARY KEY,
    url TEXT NOT NULL,
    root TEXT NOT NULL,
    folder TEXT NOT NULL,
    state TEXT NOT NULL,
    reason TEXT,
    attempts INTEGER NOT NULL DEFAULT 0,
    retry_at REAL,
    name TEXT,
    added_at REAL NOT NULL,
    ended_at REAL,
    UNIQUE (url, root, folder)
);
