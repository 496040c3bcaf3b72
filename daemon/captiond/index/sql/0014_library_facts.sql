-- What is known beside the view `library`, whose columns stay as they are: `source` is the address a
-- photo was downloaded from, `taken_from` the photo whose caption it shows.
CREATE VIEW library_facts_by_id AS
SELECT
    photos.id,
    rtrim(photos.root, '/') || '/' || CASE photos.folder WHEN '' THEN '' ELSE photos.folder || '/' END
        || photos.name AS path,
    contents.lens,
    contents.pixels,
    sources.url AS source,
    (
        SELECT
            rtrim(lender.root, '/') || '/'
            || CASE lender.folder WHEN '' THEN '' ELSE lender.folder || '/' END || lender.name
        FROM captions AS lent JOIN photos AS lender ON lender.caption = lent.id
        WHERE lent.id = captions.taken_from LIMIT 1
    ) AS taken_from
FROM photos
LEFT JOIN captions ON captions.id = photos.caption
LEFT JOIN contents ON contents.digest = photos.digest
LEFT JOIN sources ON sources.digest = photos.digest;

CREATE VIEW library_facts AS SELECT path, lens, pixels, source, taken_from FROM library_facts_by_id;

CREATE INDEX photos_caption ON photos (caption) WHERE caption IS NOT NULL;
