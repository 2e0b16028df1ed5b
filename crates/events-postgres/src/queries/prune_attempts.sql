-- Attempts of ended deliveries before $1 in one partition, the oldest $2.
WITH removed AS (
    DELETE FROM {partition}
    WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM {partition} AS listed
        WHERE created_at < $1
            AND NOT EXISTS (SELECT FROM deliveries WHERE deliveries.delivery_id = listed.delivery_id)
        ORDER BY created_at, attempt_id
        LIMIT $2
    ))
    RETURNING 1
)
SELECT count(*) AS removed FROM removed
