-- Waiting and leased deliveries, and ended ones by their last attempt, while that is kept.
-- $3 and $4 say which of the two can hold anything that is asked for; $5 whether the payload is. {reach} is a number,
-- so that a plan that is kept knows how few rows are wanted; else it would be made anew for each page.
SELECT
    page.*,
    event_id,
    event_type,
    events.created_at AS event_created_at,
    CASE WHEN $5 THEN payload END AS payload,
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
        SELECT * FROM (
            SELECT
                delivery_id, seq, handler, target, attempts,
                CASE WHEN lease_until IS NULL THEN 'pending' ELSE 'leased' END AS state,
                CASE WHEN lease_until IS NULL THEN due_at END AS due_at, NULL::timestamptz AS ended_at
            FROM deliveries
        ) AS listed
        WHERE $3{filters}
        ORDER BY delivery_id DESC
        LIMIT {reach}
    ) AS open
    UNION ALL
    SELECT * FROM (
        SELECT * FROM (
            SELECT
                delivery_id, seq, handler, target, number AS attempts,
                CASE outcome WHEN 'done' THEN 'succeeded' ELSE outcome END AS state, NULL::timestamptz AS due_at,
                created_at AS ended_at
            FROM attempts AS ended
            WHERE final{ended}
                -- OFFSET 0: looked at for each row on the way, never joined, which would read all rows for a page.
                -- Not NOT EXISTS, of which PostgreSQL guesses that it holds for every second row, and then sorts.
                AND nullif(
                    EXISTS (SELECT FROM deliveries WHERE deliveries.delivery_id = ended.delivery_id OFFSET 0), true
                ) IS NOT NULL
                AND nullif(
                    EXISTS (
                        SELECT FROM attempts AS later
                        WHERE later.delivery_id = ended.delivery_id AND later.final AND later.attempt_id > ended.attempt_id
                        OFFSET 0
                    ),
                    true
                ) IS NOT NULL
        ) AS listed
        WHERE $4{filters}
        ORDER BY delivery_id DESC
        LIMIT {reach}
    ) AS ended
    ORDER BY delivery_id DESC
    LIMIT $1::bigint OFFSET $2::bigint
) AS page
JOIN events USING (seq)
ORDER BY page.delivery_id DESC
