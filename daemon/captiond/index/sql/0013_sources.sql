-- Where a content was downloaded from; the addresses that are still to be fetched, or ended; the
-- files that named them. `address` is a digest of the url as it was given: what ended well keeps a
-- url without what only its first reader was to know.
CREATE TABLE sources (
    digest TEXT PRIMARY KEY,
    url TEXT NOT NULL,
    fetched_at REAL NOT NULL
) WITHOUT ROWID;

CREATE TABLE downloads (
    id INTEGER PRIMARY KEY,
    address TEXT NOT NULL,
    url TEXT NOT NULL,
    host TEXT NOT NULL,
    root TEXT NOT NULL,
    folder TEXT NOT NULL,
    state TEXT NOT NULL,
    reason TEXT,
    attempts INTEGER NOT NULL DEFAULT 0,
    retry_at REAL,
    validator TEXT NOT NULL DEFAULT '',
    name TEXT,
    added_at REAL NOT NULL,
    ended_at REAL,
    UNIQUE (address, root, folder)
);

CREATE INDEX downloads_state ON downloads (state);

CREATE INDEX downloads_due ON downloads (coalesce(retry_at, 0.0), id, host) WHERE state = 'queued';

CREATE TABLE links (
    root TEXT NOT NULL,
    folder TEXT NOT NULL,
    name TEXT NOT NULL,
    digest TEXT NOT NULL,
    PRIMARY KEY (root, folder, name)
) WITHOUT ROWID;
