-- Each lane is claimed by itself: a million photos that wait in the backlog cost an arrival nothing.
DROP INDEX photos_later;

CREATE INDEX photos_later ON photos (lane, retry_at)
    WHERE state = 'queued' AND retry_at IS NOT NULL AND owner IS NULL;

CREATE INDEX photos_suspect ON photos (lane, retry_at)
    WHERE crashes > 0 AND state IN ('queued', 'inflight');
