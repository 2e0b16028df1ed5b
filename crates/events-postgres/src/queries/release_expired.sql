-- Makes deliveries due again whose worker was not heard of in time; who waits longest is first.
WITH lost AS MATERIALIZED (
    SELECT delivery_id, seq, handler, target, attempts, lease_until FROM deliveries
    WHERE lease_until < $1
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
)
SELECT count(*) AS released, coalesce(array_agg(DISTINCT handler), '{}') AS handlers FROM lost
