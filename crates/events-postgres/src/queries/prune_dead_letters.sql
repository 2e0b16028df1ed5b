WITH removed AS (
    DELETE FROM dead_letters
    WHERE delivery_id = ANY (ARRAY(
        SELECT delivery_id FROM dead_letters WHERE created_at < $1 ORDER BY created_at, delivery_id LIMIT $2
    ))
    RETURNING 1
)
SELECT count(*) AS removed FROM removed
