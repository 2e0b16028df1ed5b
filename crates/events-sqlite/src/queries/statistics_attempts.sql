-- Attempts after ?1 up to ?2, alike ones together: of handlers ?3 (a JSON array), of events of organization ?4, at
-- targets ?5 (a JSON array); NULL does not restrict.
SELECT
    handler, target, organization_id, day, outcome, is_retry, duration_ms, count(*) AS count
FROM (
    SELECT
        attempts.handler, attempts.target, events.organization_id, outcome, number > 1 AS is_retry, duration_ms,
        (attempts.created_at - 86399999999 * (attempts.created_at < 0)) / 86400000000 AS day
    FROM attempts CROSS JOIN events USING (seq)
    WHERE attempt_id > ?1 AND attempt_id <= ?2
        AND attempts.handler IN (SELECT value FROM json_each(?3))
        AND (?4 IS NULL OR events.organization_id = ?4)
        AND (?5 IS NULL OR attempts.target IN (SELECT value FROM json_each(?5)))
)
GROUP BY handler, target, organization_id, day, outcome, is_retry, duration_ms
