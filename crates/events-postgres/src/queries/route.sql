-- Takes events off the list of unrouted ones and makes their deliveries.
-- $1 events, in the order in which they are routed; $2, $3, $4 cancellations: event, its place, key;
-- $5 to $11 deliveries: event, its place, handler, target, due time, cancel key, guard; $12 now
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
    INSERT INTO deliveries (delivery_id, seq, handler, target, due_at, cancel_key, guard)
    SELECT delivery_id, seq, handler, target, due_at, cancel_key, guard FROM planned WHERE cancelled_at IS NULL
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
    FROM planned
    WHERE cancelled_at IS NULL
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
    (SELECT coalesce(array_agg(target ORDER BY delivery_id), '{}') FROM dropped) AS targets
-- The commit does not wait for the disk (docs/decisions/0020-routing-does-not-wait-for-the-disk.md).
FROM set_config('synchronous_commit', 'off', true)
