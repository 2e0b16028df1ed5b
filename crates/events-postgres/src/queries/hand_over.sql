-- Routes few events and leases all of their deliveries to lanes that wait; changes nothing when one of them has to wait.
-- It does what route_and_claim.sql does in three quarters of the time.
-- $1 now; what stands in braces are the deliveries, see src/route/statement.rs: of each its event, handler, target, due
-- time, cancel key, guard, until when it is leased, to whom, and its place among them.
WITH given AS NOT MATERIALIZED (
    SELECT * FROM (VALUES {deliveries}) AS given (
        seq, handler, target, due_at, cancel_key, guard, lease_until, worker, ordinal
    )
),
taken AS MATERIALIZED (
    -- What another router takes at this moment is left to it; what is locked stays where it is.
    DELETE FROM outbox
    WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM outbox
        WHERE seq = ANY (ARRAY[{events}]) AND NOT EXISTS (
            -- Something else that is due waits for its target, or it rests.
            SELECT FROM given
            CROSS JOIN LATERAL (
                SELECT FROM target_states
                WHERE target_states.handler = given.handler AND target_states.target = given.target
                    AND (disabled_at IS NOT NULL OR greatest(paused_until, not_before) > $1 OR first_due_at <= $1)
                LIMIT 1 -- looks up row by row, whatever the planner believes
            ) AS waiting
        )
        FOR UPDATE SKIP LOCKED
    ))
    RETURNING seq
),
planned AS MATERIALIZED (
    -- Leases begin anywhere: a loss of power may give the number of a delivery to another one.
    SELECT nextval('delivery_ids') AS delivery_id, given.*, 1 + (random() * 1e9)::bigint AS lease
    FROM given
    JOIN taken USING (seq)
    ORDER BY ordinal
),
made AS (
    INSERT INTO deliveries (
        delivery_id, seq, handler, target, due_at, cancel_key, guard, attempts, lease, lease_until, worker
    )
    SELECT delivery_id, seq, handler, target, due_at, cancel_key, guard, 1, lease, lease_until, worker
    FROM planned
),
noted AS (
    -- For whoever looks after leases that end, as claims do it.
    INSERT INTO claims (look_at, deliveries)
    SELECT min(lease_until), array_agg(delivery_id) FROM planned HAVING count(*) > 0
)
SELECT
    ordinal, delivery_id, lease,
    -- The commit does not wait for the disk (docs/decisions/0020-routing-does-not-wait-for-the-disk.md).
    set_config('synchronous_commit', 'off', true)
FROM planned
