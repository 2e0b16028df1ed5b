-- Takes events off the list of unrouted ones and makes their deliveries.
-- $1 events, in the order in which they are routed; $2, $3, $4 cancellations: event, its place, key;
-- $5 to $11 deliveries: event, its place, handler, target, due time, cancel key, guard; $12 now
--
-- Some are leased at once, to lanes that wait: $13 to $17 offers: handler, how many, how many of each target, until
-- when, worker; $18 to $20 how many of these targets instead: handler, target, how many.
WITH taken AS MATERIALIZED (
    -- What another router takes at this moment is left to it; what is locked stays where it is.
    DELETE FROM outbox
    WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM outbox WHERE seq = ANY ($1::bigint[]) ORDER BY seq FOR UPDATE SKIP LOCKED
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
        SELECT given.*
        FROM (
            SELECT
                unnest($5::bigint[]) AS seq, unnest($6::integer[]) AS place, unnest($7::text[]) AS handler,
                unnest($8::text[]) AS target, unnest($9::timestamptz[]) AS due_at, unnest($10::text[]) AS cancel_key,
                unnest($11::text[]) AS guard, generate_series(1::bigint, cardinality($5)) AS ordinal
        ) AS given
        JOIN taken USING (seq)
        ORDER BY ordinal
    ) AS ordered
),
queued AS MATERIALIZED (
    -- What is due and could go to an offer, by target. Most batches are routed without offers: nothing is numbered then.
    SELECT *, row_number() OVER (PARTITION BY handler, target ORDER BY ordinal) AS nth
    FROM (
        SELECT *, array_position($13::text[], handler) AS offer FROM planned
        WHERE cancelled_at IS NULL AND due_at <= $12 AND handler = ANY ($13::text[])
    ) AS due
),
leased AS MATERIALIZED (
    -- One of each target before one target gets more. Nothing else that is due waits for it, and it does not rest.
    -- Leases begin anywhere: a loss of power may give the number of a delivery to another one.
    SELECT
        *, 1 + (random() * 1e9)::bigint AS lease, ($16::timestamptz[])[offer] AS lease_until, ($17::text[])[offer] AS worker
    FROM (
        SELECT *, row_number() OVER (PARTITION BY offer ORDER BY nth, ordinal) AS turn
        FROM queued
        WHERE nth <= coalesce(
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
        ) IS NOT TRUE
    ) AS offered
    WHERE turn <= ($14::bigint[])[offer]
    ORDER BY ordinal
),
waiting AS MATERIALIZED (
    SELECT delivery_id, seq, handler, target, due_at, cancel_key, guard FROM planned
    WHERE cancelled_at IS NULL AND (ordinal IN (SELECT ordinal FROM leased)) IS NOT TRUE
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
    SELECT delivery_id, seq, handler, target, due_at, cancel_key, guard, 0, 0, NULL, NULL FROM waiting
    UNION ALL
    SELECT delivery_id, seq, handler, target, due_at, cancel_key, guard, 1, lease, lease_until, worker FROM leased
),
noted AS (
    -- For whoever looks after leases that end, as claims do it.
    INSERT INTO claims (look_at, deliveries)
    SELECT lease_until, ids[first:first + 199]
    FROM (SELECT lease_until, array_agg(delivery_id) AS ids FROM leased GROUP BY lease_until) AS claimed
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
    FROM waiting
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
    given_out.*
-- The commit does not wait for the disk (docs/decisions/0020-routing-does-not-wait-for-the-disk.md).
FROM set_config('synchronous_commit', 'off', true)
CROSS JOIN (
    SELECT
        coalesce(array_agg(ordinal ORDER BY ordinal), '{}') AS leased,
        coalesce(array_agg(delivery_id ORDER BY ordinal), '{}') AS leased_ids,
        coalesce(array_agg(lease ORDER BY ordinal), '{}') AS leases
    FROM leased
) AS given_out
