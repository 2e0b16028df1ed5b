-- Forgets ids and keys of events before place $1, and their dead letters, some at a time.
WITH ids AS (
    DELETE FROM event_ids
    WHERE ctid = ANY (ARRAY(SELECT ctid FROM event_ids WHERE seq < $1 LIMIT 10000))
    RETURNING 1
),
keys AS (
    DELETE FROM event_keys
    WHERE ctid = ANY (ARRAY(SELECT ctid FROM event_keys WHERE seq < $1 LIMIT 10000))
    RETURNING 1
),
letters AS (
    DELETE FROM dead_letters
    WHERE ctid = ANY (ARRAY(SELECT ctid FROM dead_letters WHERE seq < $1 LIMIT 10000))
    RETURNING 1
)
SELECT (SELECT count(*) FROM ids) + (SELECT count(*) FROM keys) + (SELECT count(*) FROM letters) AS forgotten
