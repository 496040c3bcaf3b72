-- `beside` is a digest of what lies beside a photo: its sidecars' names, sizes and times, when they
-- were last read or written. `gone_at` is when a missing photo was found to be gone.
ALTER TABLE photos ADD COLUMN beside TEXT;

ALTER TABLE photos ADD COLUMN gone_at REAL;
