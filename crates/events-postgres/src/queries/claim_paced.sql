-- As claim.sql, for a handler with a pace. What each target may give out was decided from what claim_due.sql
-- saw; it counts for the targets whose pace nobody has used in between.
-- $6 targets, $7 their pace as it was seen, $8 and $9 what the pace becomes, $10 the deliveries granted.
WITH given AS MATERIALIZED (
    SELECT
        unnest($6::text[]) AS target, unnest($7::timestamptz[]) AS seen, unnest($8::timestamptz[]) AS paced_until,
        unnest($9::timestamptz[]) AS not_before, generate_series(1::bigint, cardinality($6)) AS place
),
granted AS MATERIALIZED (
    SELECT given.target, given.paced_until, given.not_before, given.place
    FROM (SELECT * FROM given ORDER BY target) AS given
    CROSS JOIN LATERAL (
        SELECT FROM target_states
        WHERE handler = $1 AND target_states.target = given.target
            AND target_states.paced_until IS NOT DISTINCT FROM given.seen
            AND disabled_at IS NULL
            AND (target_states.paused_until IS NULL OR target_states.paused_until <= $2)
        LIMIT 1
        FOR UPDATE
    ) AS unused
),
chosen AS MATERIALIZED (
    -- Looked up by their ids, and by nothing else that an index may promise.
    SELECT current.delivery_id
    FROM (SELECT unnest($10::bigint[]) AS delivery_id ORDER BY delivery_id) AS wanted
    CROSS JOIN LATERAL (
        SELECT delivery_id, target, due_at FROM deliveries
        WHERE deliveries.delivery_id = wanted.delivery_id AND lease_until IS NULL
        LIMIT 1
        FOR UPDATE SKIP LOCKED
    ) AS current
    WHERE due_at <= $2 AND target = ANY (ARRAY(SELECT target FROM granted))
    LIMIT $3
),
claimed AS MATERIALIZED (
    UPDATE deliveries
    SET attempts = attempts + 1, lease = lease + 1 + (random() * 1e9)::bigint, lease_until = $4, worker = $5
    WHERE delivery_id = ANY (ARRAY(SELECT delivery_id FROM chosen))
    RETURNING delivery_id, seq, target, due_at, attempts, lease, guard
),
noted AS (
    INSERT INTO claims (look_at, deliveries)
    SELECT $4, array_agg(delivery_id ORDER BY delivery_id) FROM claimed HAVING count(*) > 0
),
waiting AS MATERIALIZED (
    SELECT
        granted.target, granted.paced_until, granted.not_before, changes,
        (
            SELECT due_at FROM deliveries
            WHERE handler = $1 AND deliveries.target = granted.target AND lease_until IS NULL
                AND due_at >= seen.first_due_at
                AND delivery_id NOT IN (SELECT delivery_id FROM claimed)
            ORDER BY due_at
            LIMIT 1
        ) AS first_due_at
    FROM granted
    CROSS JOIN LATERAL (
        SELECT changes, first_due_at FROM target_states
        WHERE handler = $1 AND target_states.target = granted.target
        LIMIT 1
    ) AS seen
),
paced AS (
    UPDATE target_states
    SET paced_until = waiting.paced_until, not_before = waiting.not_before,
        first_due_at = CASE
            WHEN target_states.changes = waiting.changes THEN waiting.first_due_at ELSE target_states.first_due_at
        END
    FROM waiting
    WHERE handler = $1 AND target_states.target = waiting.target
        AND target_states.target = ANY (ARRAY(SELECT target FROM waiting))
)
SELECT claimed.delivery_id, claimed.target, claimed.due_at, claimed.attempts, claimed.lease, claimed.guard,
    claimed.seq AS event_seq, event.*
FROM claimed JOIN granted USING (target)
LEFT JOIN LATERAL (SELECT * FROM events WHERE events.seq = claimed.seq LIMIT 1) AS event ON true -- row by row
ORDER BY place, due_at, delivery_id
