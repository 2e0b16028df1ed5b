-- As route.sql, where nothing is cancelled, and leases some of it to lanes that wait.
-- $1 events; $2 to $9 deliveries: event, handler, target, due time, cancel key, guard, and of those that somebody waits
-- for until when he would have them, and who; $10 now
WITH taken AS MATERIALIZED (
    -- What another router takes at this moment is left to it; what is locked stays where it is.
    DELETE FROM outbox
    WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM outbox WHERE seq = ANY ($1::bigint[]) ORDER BY seq FOR UPDATE SKIP LOCKED
    ))
    RETURNING seq
),
planned AS MATERIALIZED (
    SELECT
        -- Leases begin anywhere: a loss of power may give the number of a delivery to another one.
        nextval('delivery_ids') AS delivery_id, given.*, 1 + (random() * 1e9)::bigint AS new_lease,
        -- Nothing else that is due waits for its target, and it does not rest.
        lease_until IS NOT NULL AND (
            SELECT disabled_at IS NOT NULL OR greatest(paused_until, not_before) > $10 OR first_due_at <= $10
            FROM target_states
            WHERE target_states.handler = given.handler AND target_states.target = given.target
            LIMIT 1 -- looks up row by row, whatever the planner believes
        ) IS NOT TRUE AS is_leased
    FROM (
        SELECT
            unnest($2::bigint[]) AS seq, unnest($3::text[]) AS handler, unnest($4::text[]) AS target,
            unnest($5::timestamptz[]) AS due_at, unnest($6::text[]) AS cancel_key, unnest($7::text[]) AS guard,
            unnest($8::timestamptz[]) AS lease_until, unnest($9::text[]) AS worker,
            generate_series(1::bigint, cardinality($2)) AS ordinal
    ) AS given
    JOIN taken USING (seq)
    ORDER BY ordinal
),
made AS (
    INSERT INTO deliveries (
        delivery_id, seq, handler, target, due_at, cancel_key, guard, attempts, lease, lease_until, worker
    )
    SELECT
        delivery_id, seq, handler, target, due_at, cancel_key, guard, is_leased::integer,
        CASE WHEN is_leased THEN new_lease ELSE 0 END,
        CASE WHEN is_leased THEN lease_until END,
        CASE WHEN is_leased THEN worker END
    FROM planned
),
noted AS (
    -- For whoever looks after leases that end, as claims do it.
    INSERT INTO claims (look_at, deliveries)
    SELECT lease_until, ids[first:first + 199]
    FROM (SELECT lease_until, array_agg(delivery_id) AS ids FROM planned WHERE is_leased GROUP BY lease_until) AS claimed
    CROSS JOIN LATERAL generate_series(1, cardinality(ids), 200) AS first
),
scheduled AS (
    INSERT INTO target_states (handler, target, first_due_at)
    SELECT handler, target, min(due_at)
    FROM planned
    WHERE NOT is_leased
    GROUP BY handler, target
    ORDER BY handler, target
    ON CONFLICT (handler, target) DO UPDATE SET
        first_due_at = least(target_states.first_due_at, excluded.first_due_at),
        changes = target_states.changes + 1
)
SELECT
    (SELECT count(*) FROM taken) AS events,
    count(*) AS deliveries,
    coalesce(array_agg(ordinal) FILTER (WHERE is_leased), '{}') AS leased,
    coalesce(array_agg(delivery_id) FILTER (WHERE is_leased), '{}') AS leased_ids,
    coalesce(array_agg(new_lease) FILTER (WHERE is_leased), '{}') AS leases,
    -- The commit does not wait for the disk (docs/decisions/0020-routing-does-not-wait-for-the-disk.md).
    set_config('synchronous_commit', 'off', true)
FROM planned
