-- A photo that is `withdrawn` had its caption taken back: it is not captioned again unasked, but what
-- a person writes is taken. A run is one life of the daemon or one scan, so that what it wrote can be
-- taken back.
ALTER TABLE photos ADD COLUMN withdrawn INTEGER NOT NULL DEFAULT 0;

CREATE TABLE runs (
    id INTEGER PRIMARY KEY,
    verb TEXT NOT NULL,
    version TEXT NOT NULL,
    started_at REAL NOT NULL,
    ended_at REAL
);
