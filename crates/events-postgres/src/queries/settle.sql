-- Ends claims with what came of them, and answers which of those given counted, by their place among them, from 1 on.
-- A settlement counts when its lease is the current one and still held.
--
-- `(…) IS TRUE` keeps PostgreSQL from making joins of the lists: those look things up in a hash, while a plan
-- that was made for a few settlements would compare each of hundreds with each.
WITH given AS MATERIALIZED (
    -- Among the columns: FROM would make a copy of each list. Shorter ones are filled up with NULL.
    SELECT *, due_at IS NULL AS ends
    FROM (
        SELECT
            unnest($1::bigint[]) AS delivery_id, unnest($2::bigint[]) AS lease, unnest($3::bigint[]) AS seq,
            unnest($4::text[]) AS handler, unnest($5::text[]) AS target, unnest($6::integer[]) AS number,
            unnest($7::text[]) AS outcome, unnest($8::timestamptz[]) AS due_at, unnest($9::integer[]) AS attempts,
            unnest($10::integer[]) AS status, unnest($11::bigint[]) AS duration_ms, unnest($12::text[]) AS error_class,
            unnest($13::text[]) AS error, unnest($14::text[]) AS response, unnest($15::timestamptz[]) AS paused_until,
            unnest($16::text[]) AS disabled_reason, unnest($17::timestamptz[]) AS settled_at, unnest($18::text[]) AS detail,
            generate_series(1::bigint, cardinality($1)) AS place
    ) AS given
),
ended AS MATERIALIZED (
    DELETE FROM deliveries
    WHERE delivery_id = ANY (ARRAY(SELECT delivery_id FROM given WHERE ends))
        AND lease_until IS NOT NULL
        AND ((delivery_id, lease) IN (SELECT delivery_id, lease FROM given WHERE ends)) IS TRUE
    RETURNING delivery_id, lease
),
locked AS MATERIALIZED (
    SELECT given.delivery_id, given.lease, given.due_at, given.attempts
    FROM (SELECT * FROM given WHERE NOT ends ORDER BY delivery_id) AS given
    CROSS JOIN LATERAL (
        SELECT FROM deliveries
        WHERE deliveries.delivery_id = given.delivery_id AND deliveries.lease = given.lease
            AND lease_until IS NOT NULL
        LIMIT 1 -- looks up row by row, whatever the planner believes
        FOR UPDATE
    ) AS current
),
returned AS (
    UPDATE deliveries
    SET due_at = locked.due_at, attempts = locked.attempts, lease_until = NULL, worker = NULL
    FROM locked
    WHERE deliveries.delivery_id = locked.delivery_id
        AND deliveries.delivery_id = ANY (ARRAY(SELECT delivery_id FROM locked))
),
held AS MATERIALIZED (
    SELECT * FROM given
    WHERE ((delivery_id, lease) IN (
        SELECT delivery_id, lease FROM ended UNION ALL SELECT delivery_id, lease FROM locked
    )) IS TRUE
),
recorded AS (
    INSERT INTO attempts (
        delivery_id, seq, handler, target, number, outcome, final, status, duration_ms, error_class, error, response,
        detail, created_at
    )
    SELECT
        delivery_id, seq, handler, target, number, outcome, ends, status, duration_ms, error_class, error, response,
        detail, settled_at
    FROM held
    WHERE outcome IS NOT NULL -- in the order given, as a list is read; ORDER BY would copy every row once more
),
buried AS (
    -- With everything that brings it back.
    INSERT INTO dead_letters (
        delivery_id, seq, handler, target, attempts, lease, cancel_key, guard, reason_class, reason, created_at
    )
    SELECT
        delivery_id, seq, handler, target, number, lease, cancel_key, guard, coalesce(error_class, 'unknown'),
        coalesce(error, ''), settled_at
    FROM held
    CROSS JOIN LATERAL (
        SELECT cancel_key, guard FROM deliveries WHERE deliveries.delivery_id = held.delivery_id LIMIT 1 -- row by row
    ) AS kept
    WHERE outcome = 'dead'
),
targets AS (
    -- What waits again, and what targets brought upon themselves.
    INSERT INTO target_states (handler, target, first_due_at, paused_until, disabled_at, disabled_reason)
    SELECT
        handler, target, min(due_at), max(paused_until),
        (array_agg(settled_at ORDER BY place DESC) FILTER (WHERE disabled_reason IS NOT NULL))[1],
        (array_agg(disabled_reason ORDER BY place DESC) FILTER (WHERE disabled_reason IS NOT NULL))[1]
    FROM held
    WHERE due_at IS NOT NULL OR paused_until IS NOT NULL OR disabled_reason IS NOT NULL
    GROUP BY handler, target
    ORDER BY handler, target
    ON CONFLICT (handler, target) DO UPDATE SET
        first_due_at = least(target_states.first_due_at, excluded.first_due_at),
        paused_until = greatest(target_states.paused_until, excluded.paused_until),
        disabled_at = coalesce(excluded.disabled_at, target_states.disabled_at),
        disabled_reason = coalesce(excluded.disabled_reason, target_states.disabled_reason),
        changes = target_states.changes + 1
)
SELECT coalesce(array_agg(place), '{}') AS held FROM held
