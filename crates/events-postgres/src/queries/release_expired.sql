-- Makes deliveries due again whose worker was not heard of in time; who waits longest is first.
-- Looks at $3 claims whose time has come, and removes those of which nothing is leased any more.
WITH looked AS MATERIALIZED (
    SELECT claim_id, deliveries FROM claims
    WHERE look_at < $1
    ORDER BY look_at
    LIMIT $3
    FOR UPDATE SKIP LOCKED
),
leased AS MATERIALIZED (
    SELECT claim_id, given.delivery_id, lease_until
    FROM looked
    CROSS JOIN LATERAL unnest(looked.deliveries) AS given (delivery_id)
    CROSS JOIN LATERAL (
        SELECT lease_until FROM deliveries
        WHERE deliveries.delivery_id = given.delivery_id AND lease_until IS NOT NULL
        LIMIT 1 -- looks up row by row, whatever the planner believes
    ) AS current
),
lost AS MATERIALIZED (
    SELECT delivery_id, seq, handler, target, attempts, lease_until FROM deliveries
    WHERE delivery_id = ANY (ARRAY(SELECT delivery_id FROM leased WHERE lease_until < $1)) AND lease_until < $1
    ORDER BY lease_until, delivery_id
    LIMIT $2
    FOR UPDATE SKIP LOCKED
),
freed AS (
    UPDATE deliveries
    SET due_at = $1, lease_until = NULL, worker = NULL
    WHERE delivery_id = ANY (ARRAY(SELECT delivery_id FROM lost))
),
recorded AS (
    INSERT INTO attempts (
        delivery_id, seq, handler, target, number, outcome, final, duration_ms, error_class, error, created_at
    )
    SELECT delivery_id, seq, handler, target, attempts, 'lost', false, 0, 'lost', 'the worker was not heard of again', $1
    FROM lost
    ORDER BY lease_until, delivery_id
),
scheduled AS (
    INSERT INTO target_states (handler, target, first_due_at)
    SELECT DISTINCT handler, target, $1::timestamptz FROM lost ORDER BY handler, target
    ON CONFLICT (handler, target) DO UPDATE SET
        first_due_at = least(target_states.first_due_at, excluded.first_due_at),
        changes = target_states.changes + 1
),
open AS MATERIALIZED (
    -- Renewed, claimed again, beyond the limit, or just being settled.
    SELECT claim_id, min(lease_until) AS look_at
    FROM leased
    WHERE delivery_id NOT IN (SELECT delivery_id FROM lost)
    GROUP BY claim_id
),
kept AS (
    UPDATE claims
    SET look_at = open.look_at
    FROM open
    WHERE claims.claim_id = open.claim_id AND claims.claim_id = ANY (ARRAY(SELECT claim_id FROM open))
),
removed AS (
    DELETE FROM claims
    WHERE claim_id = ANY (ARRAY(
        SELECT claim_id FROM looked WHERE claim_id NOT IN (SELECT claim_id FROM open)
    ))
)
SELECT
    count(*) AS released,
    coalesce(array_agg(DISTINCT handler), '{}') AS handlers,
    (SELECT count(*) FROM looked) AS looked,
    (SELECT count(*) FROM open) AS open
FROM lost
