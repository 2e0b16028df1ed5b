-- Attempts after $1 up to $2, alike ones together: of handlers $3, of events of organization $4, at targets $5; NULL does
-- not restrict.
SELECT
    handler, target, organization_id, day, outcome, is_retry, duration_ms, count(*) AS count
FROM (
    SELECT
        attempts.handler, attempts.target, events.organization_id, outcome, number > 1 AS is_retry, duration_ms,
        ((attempts.created_at AT TIME ZONE 'UTC')::date - date '1970-01-01')::bigint AS day
    FROM attempts
    CROSS JOIN LATERAL (
        SELECT organization_id FROM events
        WHERE events.seq = attempts.seq
        LIMIT 1 -- looks up row by row, whatever the planner believes
    ) AS events
    WHERE attempt_id > $1 AND attempt_id <= $2
        AND attempts.handler = ANY ($3::text[])
        AND ($4::text IS NULL OR events.organization_id = $4)
        AND ($5::text[] IS NULL OR attempts.target = ANY ($5))
) AS seen
GROUP BY handler, target, organization_id, day, outcome, is_retry, duration_ms
