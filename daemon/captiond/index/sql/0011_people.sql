-- A photo that is `withdrawn` had its caption taken back: it is not captioned again unasked, but what
-- a person writes is taken. 1: captiond's words still stand beside it, 2: not any more.
-- `heeded`: what people wrote is in the caption that it shows; 0 from when that was answered.
ALTER TABLE photos ADD COLUMN withdrawn INTEGER NOT NULL DEFAULT 0;

ALTER TABLE photos ADD COLUMN heeded INTEGER NOT NULL DEFAULT 0;

-- What people wrote into the file itself, for the contents where they did.
CREATE TABLE inscriptions (
    digest TEXT PRIMARY KEY,
    handwriting TEXT NOT NULL
) WITHOUT ROWID;

-- A run is one life of the daemon or one scan, so that what it wrote can be taken back.
CREATE TABLE runs (
    id INTEGER PRIMARY KEY,
    verb TEXT NOT NULL,
    version TEXT NOT NULL,
    started_at REAL NOT NULL,
    ended_at REAL
);
