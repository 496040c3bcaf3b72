-- Every request with what it may cost at most until its cost is known: a request whose answer never
-- came may be billed all the same. `tier` was asked for, `answered_tier` is who served it; `sent` is
-- JSON: what went out in it. `cost_usd` is NULL while it is not known, 0 for what is not billed.
ALTER TABLE requests ADD COLUMN tier TEXT NOT NULL DEFAULT 'standard';

ALTER TABLE requests ADD COLUMN answered_tier TEXT;

ALTER TABLE requests ADD COLUMN lane INTEGER;

ALTER TABLE requests ADD COLUMN reserved_usd REAL;

ALTER TABLE requests ADD COLUMN sent TEXT;

CREATE INDEX requests_time ON requests (started_at);

-- The ledger in quarters of an hour (every local midnight begins one), so that what a day or a month
-- cost is read in a millisecond however many requests there were. Money is in billionths of a dollar,
-- so that sums are exact.
CREATE TABLE spending (
    quarter INTEGER NOT NULL,
    recipe TEXT NOT NULL,
    tier TEXT NOT NULL,
    requests INTEGER NOT NULL,
    answered INTEGER NOT NULL,
    input_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    thinking_tokens INTEGER NOT NULL,
    nano_usd INTEGER NOT NULL,
    unpriced INTEGER NOT NULL,
    lost INTEGER NOT NULL,
    lost_nano_usd INTEGER NOT NULL,
    in_flight INTEGER NOT NULL,
    in_flight_nano_usd INTEGER NOT NULL,
    PRIMARY KEY (quarter, recipe, tier)
) WITHOUT ROWID;

-- What each request adds to it. Of an unpriced one nobody knows the cost nor a bound of it.
CREATE VIEW requests_spending AS
SELECT
    id,
    root,
    folder,
    CAST(started_at / 900 AS INTEGER) AS quarter,
    recipe,
    coalesce(answered_tier, tier) AS tier,
    1 AS requests,
    state = 'answered' AS answered,
    coalesce(input_tokens, 0) AS input_tokens,
    coalesce(output_tokens, 0) AS output_tokens,
    coalesce(thinking_tokens, 0) AS thinking_tokens,
    CAST(round(coalesce(cost_usd, 0) * 1e9) AS INTEGER) AS nano_usd,
    cost_usd IS NULL AND reserved_usd IS NULL
        AND (state <> 'failed' OR input_tokens IS NOT NULL) AS unpriced,
    cost_usd IS NULL AND state = 'lost' AS lost,
    CASE WHEN cost_usd IS NULL AND state <> 'inflight'
        THEN CAST(round(coalesce(reserved_usd, 0) * 1e9) AS INTEGER) ELSE 0 END AS lost_nano_usd,
    state = 'inflight' AS in_flight,
    CASE WHEN state = 'inflight'
        THEN CAST(round(coalesce(reserved_usd, 0) * 1e9) AS INTEGER) ELSE 0 END AS in_flight_nano_usd
FROM requests;

INSERT INTO spending
SELECT
    quarter, recipe, tier, sum(requests), sum(answered), sum(input_tokens), sum(output_tokens),
    sum(thinking_tokens), sum(nano_usd), sum(unpriced), sum(lost), sum(lost_nano_usd),
    sum(in_flight), sum(in_flight_nano_usd)
FROM requests_spending GROUP BY quarter, recipe, tier;

CREATE VIEW spending_changes AS SELECT * FROM spending;

CREATE TRIGGER spending_changed INSTEAD OF INSERT ON spending_changes
BEGIN
    INSERT INTO spending VALUES (
        new.quarter, new.recipe, new.tier, new.requests, new.answered, new.input_tokens,
        new.output_tokens, new.thinking_tokens, new.nano_usd, new.unpriced, new.lost,
        new.lost_nano_usd, new.in_flight, new.in_flight_nano_usd
    )
    ON CONFLICT DO UPDATE SET
        requests = requests + excluded.requests,
        answered = answered + excluded.answered,
        input_tokens = input_tokens + excluded.input_tokens,
        output_tokens = output_tokens + excluded.output_tokens,
        thinking_tokens = thinking_tokens + excluded.thinking_tokens,
        nano_usd = nano_usd + excluded.nano_usd,
        unpriced = unpriced + excluded.unpriced,
        lost = lost + excluded.lost,
        lost_nano_usd = lost_nano_usd + excluded.lost_nano_usd,
        in_flight = in_flight + excluded.in_flight,
        in_flight_nano_usd = in_flight_nano_usd + excluded.in_flight_nano_usd;
END;

CREATE TRIGGER requests_entered AFTER INSERT ON requests
BEGIN
    INSERT INTO spending_changes
    SELECT
        quarter, recipe, tier, requests, answered, input_tokens, output_tokens, thinking_tokens,
        nano_usd, unpriced, lost, lost_nano_usd, in_flight, in_flight_nano_usd
    FROM requests_spending WHERE id = new.id;
END;

-- A change takes out what the row added before, and adds it anew: maybe to another tier.
CREATE TRIGGER requests_changing BEFORE UPDATE ON requests
BEGIN
    INSERT INTO spending_changes
    SELECT
        quarter, recipe, tier, -requests, -answered, -input_tokens, -output_tokens,
        -thinking_tokens, -nano_usd, -unpriced, -lost, -lost_nano_usd, -in_flight,
        -in_flight_nano_usd
    FROM requests_spending WHERE id = old.id;
END;

CREATE TRIGGER requests_changed AFTER UPDATE ON requests
BEGIN
    INSERT INTO spending_changes
    SELECT
        quarter, recipe, tier, requests, answered, input_tokens, output_tokens, thinking_tokens,
        nano_usd, unpriced, lost, lost_nano_usd, in_flight, in_flight_nano_usd
    FROM requests_spending WHERE id = new.id;
END;
