-- A caption that was taken from that of another content: the same pixels, the other photo of a pair,
-- or one of the same burst; the one that it was taken from first.
ALTER TABLE captions ADD COLUMN taken_from INTEGER REFERENCES captions (id);

CREATE INDEX contents_series ON contents (camera, taken_at) WHERE likeness IS NOT NULL;
