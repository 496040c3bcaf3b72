-- What the service said of its limits, so that a restart need not run into them again. `name` is
-- a key of [limits], or `parked` with the time in `until`.
CREATE TABLE limits (
    model TEXT NOT NULL,
    name TEXT NOT NULL,
    value INTEGER,
    source TEXT NOT NULL,
    learned_at REAL NOT NULL,
    until REAL,
    PRIMARY KEY (model, name)
) WITHOUT ROWID;

ALTER TABLE daemon ADD COLUMN pace TEXT;
