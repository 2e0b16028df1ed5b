-- Has delivery $1 made again, if it is of handler $2 and organization $3, at $4; what is NULL does not restrict. No rest of
-- its target is ended.
WITH waits AS MATERIALIZED (
    UPDATE deliveries
    SET due_at = least(due_at, $4::timestamptz)
    WHERE delivery_id = $1 AND lease_until IS NULL
        AND ($2::text IS NULL OR handler = $2)
        AND ($3::text IS NULL OR (SELECT organization_id FROM events WHERE events.seq = deliveries.seq) = $3)
    RETURNING delivery_id, handler, target, due_at
),
held AS MATERIALIZED (
    -- Also one that a worker took while we waited for its row.
    SELECT delivery_id, handler, target FROM deliveries
    WHERE delivery_id = $1 AND NOT EXISTS (SELECT FROM waits)
        AND ($2::text IS NULL OR handler = $2)
        AND ($3::text IS NULL OR (SELECT organization_id FROM events WHERE events.seq = deliveries.seq) = $3)
),
letter AS MATERIALIZED (
    DELETE FROM dead_letters
    WHERE delivery_id = $1
        AND ($2::text IS NULL OR handler = $2)
        AND ($3::text IS NULL OR (SELECT organization_id FROM events WHERE events.seq = dead_letters.seq) = $3)
    RETURNING delivery_id, seq, handler, target, lease, cancel_key, guard
),
anew AS MATERIALIZED (
    -- A dead letter that somebody else brings back at this moment is not made a second time.
    SELECT nextval('delivery_ids') AS delivery_id, seq, handler, target
    FROM (
        SELECT seq, handler, target FROM attempts
        WHERE delivery_id = $1 AND final
            AND NOT EXISTS (SELECT FROM deliveries WHERE delivery_id = $1)
            AND NOT EXISTS (SELECT FROM dead_letters WHERE delivery_id = $1)
        ORDER BY attempt_id DESC
        LIMIT 1
    ) AS ended
    WHERE ($2::text IS NULL OR handler = $2)
        AND ($3::text IS NULL OR (SELECT organization_id FROM events WHERE events.seq = ended.seq) = $3)
),
made AS (
    INSERT INTO deliveries (delivery_id, seq, handler, target, due_at, lease, cancel_key, guard)
    SELECT delivery_id, seq, handler, target, $4::timestamptz, lease, cancel_key, guard FROM letter
    UNION ALL
    SELECT delivery_id, seq, handler, target, $4::timestamptz, 0, NULL, NULL FROM anew
),
again AS MATERIALIZED (
    SELECT 'made_due' AS outcome, delivery_id, handler, target, due_at FROM waits
    UNION ALL
    SELECT 'redriven', delivery_id, handler, target, $4::timestamptz FROM letter
    UNION ALL
    SELECT 'made_anew', delivery_id, handler, target, $4::timestamptz FROM anew
),
scheduled AS (
    INSERT INTO target_states (handler, target, first_due_at)
    SELECT handler, target, due_at FROM again
    ON CONFLICT (handler, target) DO UPDATE SET
        first_due_at = least(target_states.first_due_at, excluded.first_due_at),
        changes = target_states.changes + 1
)
SELECT outcome, delivery_id, handler FROM again
UNION ALL
SELECT 'under_way', delivery_id, handler FROM held
