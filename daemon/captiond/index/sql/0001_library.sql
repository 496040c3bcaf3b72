-- Times are unix seconds (REAL) unless a name says otherwise; digests are sha256 in hex.
-- mtime_ns, ctime_ns and inode have no type on purpose: a value beyond 63 bits (mergerfs makes such
-- inodes) is kept as text, and an INTEGER column would turn it into an inexact REAL.

CREATE TABLE recipes (
    key TEXT PRIMARY KEY,
    document TEXT NOT NULL,
    origin TEXT NOT NULL,
    model TEXT NOT NULL,
    language TEXT NOT NULL,
    prompt TEXT NOT NULL
);

CREATE TABLE captions (
    id INTEGER PRIMARY KEY,
    digest TEXT NOT NULL,
    recipe TEXT NOT NULL,
    origin TEXT NOT NULL,
    language TEXT NOT NULL,
    model TEXT NOT NULL,
    created_at REAL NOT NULL,
    caption TEXT NOT NULL,
    title TEXT NOT NULL,
    alt_text TEXT NOT NULL,
    keywords TEXT NOT NULL,
    text TEXT NOT NULL,
    replaces INTEGER REFERENCES captions (id)
);

CREATE INDEX captions_content ON captions (digest, recipe);

CREATE TABLE contents (
    digest TEXT PRIMARY KEY,
    format TEXT NOT NULL,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    taken_at TEXT,
    camera TEXT,
    latitude REAL,
    longitude REAL,
    place TEXT
);

-- `owner` is who holds a claim on the photo. It stays when the file changes meanwhile (the state is
-- then `queued` again): nobody claims the photo until its holder has let go of the old bytes.
-- `caption` is the one shown; `former` is the last one that other bytes at this path had.
CREATE TABLE photos (
    id INTEGER PRIMARY KEY,
    root TEXT NOT NULL,
    folder TEXT NOT NULL,
    name TEXT NOT NULL,
    size INTEGER NOT NULL,
    mtime_ns,
    ctime_ns,
    inode,
    digest TEXT,
    state TEXT NOT NULL,
    reason TEXT,
    lane INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    crashes INTEGER NOT NULL DEFAULT 0,
    owner TEXT,
    retry_at REAL,
    caption INTEGER REFERENCES captions (id),
    former INTEGER REFERENCES captions (id),
    written TEXT NOT NULL DEFAULT '{}',
    seen_at REAL NOT NULL,
    captioned_at REAL,
    UNIQUE (root, folder, name)
);

CREATE INDEX photos_state ON photos (state);

CREATE INDEX photos_due ON photos (lane, seen_at DESC, id DESC)
    WHERE state = 'queued' AND retry_at IS NULL AND owner IS NULL;

CREATE INDEX photos_later ON photos (retry_at)
    WHERE state = 'queued' AND retry_at IS NOT NULL AND owner IS NULL;

CREATE INDEX photos_owned ON photos (owner) WHERE owner IS NOT NULL;

CREATE INDEX photos_troubled ON photos (seen_at)
    WHERE reason IS NOT NULL AND state IN ('failed', 'refused', 'skipped', 'queued');

CREATE TABLE requests (
    id TEXT PRIMARY KEY,
    root TEXT NOT NULL,
    folder TEXT NOT NULL,
    name TEXT NOT NULL,
    digest TEXT NOT NULL,
    recipe TEXT NOT NULL REFERENCES recipes (key),
    owner TEXT NOT NULL,
    state TEXT NOT NULL,
    model TEXT,
    input_tokens INTEGER,
    output_tokens INTEGER,
    thinking_tokens INTEGER,
    cost_usd REAL,
    error TEXT,
    started_at REAL NOT NULL,
    ended_at REAL
);

CREATE INDEX requests_content ON requests (digest, recipe);

CREATE INDEX requests_open ON requests (root, folder, name) WHERE state = 'inflight';

CREATE TABLE directories (
    root TEXT NOT NULL,
    folder TEXT NOT NULL,
    digest TEXT NOT NULL,
    PRIMARY KEY (root, folder)
) WITHOUT ROWID;

CREATE TABLE daemon (
    owner TEXT PRIMARY KEY,
    pid INTEGER NOT NULL,
    version TEXT NOT NULL,
    started_at REAL NOT NULL,
    beat_at REAL NOT NULL,
    paused TEXT,
    paused_until REAL
);

-- For joins with photos_fts, whose rowid is this id; the public face is `library` below.
CREATE VIEW library_by_id AS
SELECT
    photos.id,
    rtrim(photos.root, '/') || '/' || CASE photos.folder WHEN '' THEN '' ELSE photos.folder || '/' END
        || photos.name AS path,
    CASE photos.folder WHEN '' THEN photos.root ELSE rtrim(photos.root, '/') || '/' || photos.folder END
        AS folder,
    photos.name,
    photos.state,
    photos.reason,
    captions.caption,
    captions.title,
    captions.alt_text,
    captions.keywords,
    captions.text,
    captions.language,
    captions.model,
    captions.origin,
    photos.digest,
    contents.format,
    contents.width,
    contents.height,
    contents.taken_at,
    contents.camera,
    contents.latitude,
    contents.longitude,
    contents.place,
    strftime('%Y-%m-%dT%H:%M:%SZ', photos.seen_at, 'unixepoch') AS seen_at,
    strftime('%Y-%m-%dT%H:%M:%SZ', photos.captioned_at, 'unixepoch') AS captioned_at,
    (
        SELECT sum(requests.cost_usd) FROM requests
        WHERE requests.digest = captions.digest AND requests.recipe = captions.recipe
    ) AS cost_usd
FROM photos
LEFT JOIN captions ON captions.id = photos.caption
LEFT JOIN contents ON contents.digest = photos.digest;

CREATE VIEW library AS
SELECT
    path, folder, name, state, reason, caption, title, alt_text, keywords, text, language, model,
    origin, digest, format, width, height, taken_at, camera, latitude, longitude, place, seen_at,
    captioned_at, cost_usd
FROM library_by_id;

-- What photos_fts indexes: every photo that shows a caption, `folder` beneath its root.
CREATE VIEW photos_words AS
SELECT
    photos.id, captions.caption, captions.title, captions.alt_text, captions.keywords, captions.text,
    photos.name, photos.folder
FROM photos
JOIN captions ON captions.id = photos.caption;

CREATE VIRTUAL TABLE photos_fts USING fts5 (
    caption, title, alt_text, keywords, text, name, folder,
    content = 'photos_words', content_rowid = 'id',
    tokenize = 'porter unicode61 remove_diacritics 2'
);

-- Captions never change, so the old words can be looked up when a photo shows another caption.
CREATE TRIGGER photos_words_changed AFTER UPDATE OF caption, name, folder ON photos
WHEN old.caption IS NOT new.caption OR old.name <> new.name OR old.folder <> new.folder
BEGIN
    INSERT INTO photos_fts
        (photos_fts, rowid, caption, title, alt_text, keywords, text, name, folder)
    SELECT 'delete', old.id, caption, title, alt_text, keywords, text, old.name, old.folder
    FROM captions WHERE id = old.caption;
    INSERT INTO photos_fts (rowid, caption, title, alt_text, keywords, text, name, folder)
    SELECT new.id, caption, title, alt_text, keywords, text, new.name, new.folder
    FROM captions WHERE id = new.caption;
END;

CREATE TRIGGER photos_words_deleted AFTER DELETE ON photos WHEN old.caption IS NOT NULL
BEGIN
    INSERT INTO photos_fts
        (photos_fts, rowid, caption, title, alt_text, keywords, text, name, folder)
    SELECT 'delete', old.id, caption, title, alt_text, keywords, text, old.name, old.folder
    FROM captions WHERE id = old.caption;
END;
