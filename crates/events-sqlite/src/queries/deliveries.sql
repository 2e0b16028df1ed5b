-- Waiting and leased deliveries, and ended ones by their last attempt, while that is kept.
-- ?3 and ?4 say which of the two can hold anything that is asked for; ?5 whether the payload is.
SELECT
    page.*,
    event_id,
    event_type,
    events.created_at AS event_created_at,
    CASE WHEN ?5 THEN payload END AS payload,
    (
        SELECT error FROM attempts
        WHERE attempts.delivery_id = page.delivery_id AND outcome IN ('retry', 'dead', 'lost')
        ORDER BY attempt_id DESC
        LIMIT 1
    ) AS last_error,
    (
        SELECT status FROM attempts WHERE attempts.delivery_id = page.delivery_id ORDER BY attempt_id DESC LIMIT 1
    ) AS last_status
FROM (
    SELECT * FROM (
        SELECT
            delivery_id, seq, handler, target, attempts, iif(lease_until IS NULL, 'pending', 'leased') AS state,
            iif(lease_until IS NULL, due_at, NULL) AS due_at, NULL AS ended_at
        FROM deliveries AS listed {walked}
        WHERE ?3{filters}
        ORDER BY delivery_id DESC
        LIMIT ?1 + ?2
    )
    UNION ALL
    SELECT * FROM (
        SELECT
            delivery_id, seq, handler, target, number AS attempts, iif(outcome = 'done', 'succeeded', outcome) AS state, NULL,
            created_at
        FROM attempts AS listed {indexed}
        WHERE ?4
            AND final{ended}
            AND NOT EXISTS (SELECT 1 FROM deliveries WHERE deliveries.delivery_id = listed.delivery_id)
            AND NOT EXISTS (
                SELECT 1 FROM attempts AS later
                WHERE later.delivery_id = listed.delivery_id AND later.final AND later.attempt_id > listed.attempt_id
            ){filters}
        ORDER BY delivery_id DESC
        LIMIT ?1 + ?2
    )
    ORDER BY delivery_id DESC
    LIMIT ?1 + 0 OFFSET ?2
) AS page
CROSS JOIN events USING (seq)
ORDER BY page.delivery_id DESC
