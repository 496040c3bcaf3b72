-- `beside` is a digest of what lies beside a photo: its sidecars' names, sizes and times, when they
-- were last read or written. `gone_at` is when a missing photo was found to be gone.
-- `unasked` is the state of a photo that is queued for what a person wrote beside it and for nothing
-- else: no request is made for it, and without such words that is the state it goes back to.
ALTER TABLE photos ADD COLUMN beside TEXT;

ALTER TABLE photos ADD COLUMN gone_at REAL;

ALTER TABLE photos ADD COLUMN unasked TEXT;

CREATE INDEX photos_content ON photos (digest) WHERE digest IS NOT NULL;

CREATE INDEX photos_departed ON photos (root, gone_at)
    WHERE state = 'missing' AND written <> '{}' AND gone_at IS NOT NULL;
