-- Every request with what it may cost at most until its cost is known: a request whose answer never
-- came may be billed all the same. `tier` was asked for, `answered_tier` is who served it; `sent` is
-- JSON: what went out in it.
ALTER TABLE requests ADD COLUMN tier TEXT NOT NULL DEFAULT 'standard';

ALTER TABLE requests ADD COLUMN answered_tier TEXT;

ALTER TABLE requests ADD COLUMN lane INTEGER;

ALTER TABLE requests ADD COLUMN reserved_usd REAL;

ALTER TABLE requests ADD COLUMN sent TEXT;

CREATE INDEX requests_time ON requests (started_at);
