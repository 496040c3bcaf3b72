-- A batch job: made here under `id`, which the service knows as its display name, so that a job whose
-- name was lost in a crash is found again. Its photos are owned by 'job ID', its requests name it.
-- Since `sent_at` the service may have it: NULL is a job that was never handed in.
-- `state` is making or running while it is open, then how it ended.
CREATE TABLE jobs (
    id TEXT PRIMARY KEY,
    name TEXT,
    model TEXT NOT NULL,
    state TEXT NOT NULL,
    requests INTEGER NOT NULL,
    created_at REAL NOT NULL,
    sent_at REAL,
    ended_at REAL,
    error TEXT
);

CREATE INDEX jobs_open ON jobs (created_at) WHERE ended_at IS NULL;

ALTER TABLE requests ADD COLUMN job TEXT REFERENCES jobs (id);

CREATE INDEX requests_of_job ON requests (job) WHERE job IS NOT NULL;
