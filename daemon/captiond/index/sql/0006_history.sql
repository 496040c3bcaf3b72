-- `request` brought the words of a caption; `reverts` is the caption that it repeats: somebody wanted
-- that one back. `anew_after`: no caption up to this one serves the photo, a new one was ordered.
ALTER TABLE captions ADD COLUMN request TEXT;

ALTER TABLE captions ADD COLUMN reverts INTEGER REFERENCES captions (id);

ALTER TABLE photos ADD COLUMN anew_after INTEGER;
