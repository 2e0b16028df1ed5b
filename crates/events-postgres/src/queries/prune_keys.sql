WITH removed AS (
    DELETE FROM event_keys
    WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM event_keys WHERE created_at < $1 ORDER BY created_at, seq LIMIT $2 FOR UPDATE SKIP LOCKED
    ))
    RETURNING 1
)
SELECT count(*) AS removed FROM removed
