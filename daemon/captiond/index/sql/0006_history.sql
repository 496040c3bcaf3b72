-- `reverts` is the caption that this one repeats: somebody wanted it back. `anew_since`: no caption
-- older than this serves the photo, somebody wanted another one.
ALTER TABLE captions ADD COLUMN reverts INTEGER REFERENCES captions (id);

ALTER TABLE photos ADD COLUMN anew_since REAL;
