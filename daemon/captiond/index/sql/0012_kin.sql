-- A caption that was taken from that of another content: the same pixels, the other photo of a pair,
-- or one of the same burst.
ALTER TABLE captions ADD COLUMN taken_from INTEGER REFERENCES captions (id);
