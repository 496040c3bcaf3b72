-- A photo that is `withdrawn` had its caption taken back: it is not captioned again unasked, but what
-- a person writes is taken. 1: captiond's words still stand beside it, 2: not any more.
-- `handwriting` is what people wrote beside a photo, as far as it was taken; NULL since its caption
-- was answered, when all of it is still to be taken.
ALTER TABLE photos ADD COLUMN withdrawn INTEGER NOT NULL DEFAULT 0;

ALTER TABLE photos ADD COLUMN handwriting TEXT;

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
