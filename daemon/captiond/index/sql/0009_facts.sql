-- What else is true of a content: its lens, a digest of the pixels that are sent, a perceptual hash.
ALTER TABLE contents ADD COLUMN lens TEXT;

ALTER TABLE contents ADD COLUMN pixels TEXT;

ALTER TABLE contents ADD COLUMN likeness TEXT;

CREATE INDEX contents_pixels ON contents (pixels) WHERE pixels IS NOT NULL;
