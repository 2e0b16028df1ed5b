-- Takes events off the list of unrouted ones and makes their deliveries.
-- $1 events, in the order in which they are routed; $2, $3, $4 cancellations: event, its place, key;
-- $5 to $11 deliveries: event, its place, handler, target, due time, cancel key, guard; $12 now
--
-- Some are leased at once, to lanes that wait: $13 to $17 offers: handler, how many, how many of each target, until
-- when, worker; $18 to $20 how many of these targets instead: handler, target, how many.
WITH taken AS MATERIALIZED (
    -- What another router takes at this moment is left to it.
    DELETE FROM outbox
    WHERE seq = ANY (ARRAY(
        SELECT seq FROM outbox WHERE seq = ANY ($1::bigint[]) ORDER BY seq FOR UPDATE SKIP LOCKED
    ))
    RETURNING seq
),
cancelling AS MATERIALIZED (
    SELECT place, cancel_key
    FROM unnest($2::bigint[], $3::integer[], $4::text[]) AS given (seq, place, cancel_key)
    JOIN taken USING (seq)
),
planned AS MATERIALIZED (
    -- An event also cancels what earlier ones of the batch have planned; that ends before it begins.
    SELECT
        nextval('delivery_ids') AS delivery_id, ordinal, seq, handler, target, due_at, cancel_key, guard,
        (
            SELECT min(cancelling.place) FROM cancelling
            WHERE cancelling.cancel_key = ordered.cancel_key AND cancelling.place > ordered.place
        ) AS cancelled_at
    FROM (
        SELECT given.* FROM unnest(
            $5::bigint[], $6::integer[], $7::text[], $8::text[], $9::timestamptz[], $10::text[], $11::text[]
        ) WITH ORDINALITY AS given (seq, place, handler, target, due_at, cancel_key, guard, ordinal)
        JOIN taken USING (seq)
        ORDER BY ordinal
    ) AS ordered
),
queued AS MATERIALIZED (
    -- What is due, by target, and which of the offers it could go to.
    SELECT
        *, CASE WHEN is_due THEN array_position($13::text[], handler) END AS offer,
        row_number() OVER (PARTITION BY handler, target, is_due ORDER BY ordinal) AS nth
    FROM (SELECT *, cancelled_at IS NULL AND due_at <= $12 AS is_due FROM planned) AS planned
),
offered AS MATERIALIZED (
    -- One of each target before one target gets more. Nothing else that is due waits for it, and it does not rest.
    SELECT *, CASE WHEN is_offered THEN row_number() OVER (PARTITION BY offer, is_offered ORDER BY nth, ordinal) END AS turn
    FROM (
        SELECT
            *,
            offer IS NOT NULL AND nth <= coalesce(
                (
                    SELECT most FROM unnest($18::text[], $19::text[], $20::bigint[]) AS allowed (handler, target, most)
                    WHERE allowed.handler = queued.handler AND allowed.target = queued.target
                ),
                ($15::bigint[])[offer]
            ) AND (
                SELECT disabled_at IS NOT NULL OR greatest(paused_until, not_before) > $12 OR first_due_at <= $12
                FROM target_states
                WHERE target_states.handler = queued.handler AND target_states.target = queued.target
                LIMIT 1 -- looks up row by row, whatever the planner believes
            ) IS NOT TRUE AS is_offered
        FROM queued
    ) AS queued
),
numbered AS MATERIALIZED (
    -- Leases begin anywhere: a loss of power may give the number of a delivery to another one.
    SELECT
        *,
        CASE WHEN turn <= ($14::bigint[])[offer] THEN 1 + (random() * 1e9)::bigint END AS lease,
        CASE WHEN turn <= ($14::bigint[])[offer] THEN ($16::timestamptz[])[offer] END AS lease_until,
        CASE WHEN turn <= ($14::bigint[])[offer] THEN ($17::text[])[offer] END AS worker
    FROM offered
    ORDER BY ordinal
),
dropped AS MATERIALIZED (
    DELETE FROM deliveries
    WHERE delivery_id = ANY (ARRAY(
        SELECT delivery_id FROM deliveries
        WHERE lease_until IS NULL AND delivery_id = ANY (ARRAY(
            -- By itself: together with the order, an index of ids may look better.
            SELECT delivery_id FROM deliveries WHERE cancel_key = ANY (ARRAY(SELECT cancel_key FROM cancelling))
        ))
        ORDER BY delivery_id
        FOR UPDATE
    ))
    RETURNING delivery_id, seq, handler, target, attempts, cancel_key
),
made AS (
    INSERT INTO deliveries (
        delivery_id, seq, handler, target, due_at, cancel_key, guard, attempts, lease, lease_until, worker
    )
    SELECT
        delivery_id, seq, handler, target, due_at, cancel_key, guard,
        CASE WHEN lease IS NULL THEN 0 ELSE 1 END, coalesce(lease, 0), lease_until, worker
    FROM numbered
    WHERE cancelled_at IS NULL
),
noted AS (
    -- For whoever looks after leases that end, as claims do it.
    INSERT INTO claims (look_at, deliveries)
    SELECT lease_until, ids[first:first + 199]
    FROM (
        SELECT lease_until, array_agg(delivery_id) AS ids FROM numbered WHERE lease IS NOT NULL GROUP BY lease_until
    ) AS leased
    CROSS JOIN LATERAL generate_series(1, cardinality(ids), 200) AS first
),
cancelled AS MATERIALIZED (
    SELECT
        delivery_id, seq, handler, target, attempts,
        (SELECT min(place) FROM cancelling WHERE cancelling.cancel_key = dropped.cancel_key) AS cancelled_at
    FROM dropped
    UNION ALL
    SELECT delivery_id, seq, handler, target, 0, cancelled_at FROM planned WHERE cancelled_at IS NOT NULL
),
recorded AS (
    INSERT INTO attempts (
        delivery_id, seq, handler, target, number, outcome, final, duration_ms, error_class, error, created_at
    )
    SELECT
        delivery_id, seq, handler, target, attempts, 'dropped', true, 0, 'cancelled', 'cancelled by a later event', $12
    FROM cancelled
    ORDER BY cancelled_at, delivery_id
),
scheduled AS (
    INSERT INTO target_states (handler, target, first_due_at)
    SELECT handler, target, min(due_at)
    FROM numbered
    WHERE cancelled_at IS NULL AND lease IS NULL
    GROUP BY handler, target
    ORDER BY handler, target
    ON CONFLICT (handler, target) DO UPDATE SET
        first_due_at = least(target_states.first_due_at, excluded.first_due_at),
        changes = target_states.changes + 1
)
SELECT
    (SELECT count(*) FROM taken) AS events,
    (SELECT count(*) FROM planned) AS deliveries,
    (SELECT count(*) FROM cancelled) AS cancelled,
    (SELECT coalesce(array_agg(handler ORDER BY delivery_id), '{}') FROM dropped) AS handlers,
    (SELECT coalesce(array_agg(target ORDER BY delivery_id), '{}') FROM dropped) AS targets,
    leased.*
-- The commit does not wait for the disk (docs/decisions/0020-routing-does-not-wait-for-the-disk.md).
FROM set_config('synchronous_commit', 'off', true)
CROSS JOIN (
    SELECT
        coalesce(array_agg(ordinal ORDER BY ordinal), '{}') AS leased,
        coalesce(array_agg(delivery_id ORDER BY ordinal), '{}') AS leased_ids,
        coalesce(array_agg(lease ORDER BY ordinal), '{}') AS leases
    FROM numbered
    WHERE lease IS NOT NULL
) AS leased
