-- Whether all of a partition of events, which ends before $1, was recorded before $2, and nobody waits for any
-- of it.
SELECT (SELECT max(created_at) FROM {partition}) < $2
    AND NOT EXISTS (SELECT FROM outbox WHERE seq < $1)
    AND NOT EXISTS (SELECT FROM deliveries WHERE seq < $1)
    AND EXISTS (SELECT FROM events WHERE seq >= $1) AS is_old
