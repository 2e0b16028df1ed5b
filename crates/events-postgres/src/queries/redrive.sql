-- Brings the oldest dead letters that the filters name back under their ids; what is NULL does not restrict.
-- Ends every rest of their targets; their pace stays.
WITH chosen AS MATERIALIZED (
    SELECT delivery_id FROM dead_letters
    WHERE ($1::bigint[] IS NULL OR delivery_id = ANY ($1))
        AND ($2::text IS NULL OR handler = $2)
        AND ($3::text IS NULL OR target = $3)
        AND ($4::text IS NULL OR (SELECT organization_id FROM events WHERE events.seq = dead_letters.seq) = $4)
    ORDER BY delivery_id
    LIMIT $5
    FOR UPDATE SKIP LOCKED
),
taken AS MATERIALIZED (
    DELETE FROM dead_letters WHERE delivery_id = ANY (ARRAY(SELECT delivery_id FROM chosen)) RETURNING *
),
made AS (
    INSERT INTO deliveries (delivery_id, seq, handler, target, due_at, lease, cancel_key, guard)
    SELECT delivery_id, seq, handler, target, $6::timestamptz, lease, cancel_key, guard FROM taken
),
scheduled AS (
    INSERT INTO target_states (handler, target, first_due_at)
    SELECT DISTINCT handler, target, $6::timestamptz FROM taken ORDER BY handler, target
    ON CONFLICT (handler, target) DO UPDATE SET
        first_due_at = least(target_states.first_due_at, excluded.first_due_at),
        paused_until = NULL, disabled_at = NULL, disabled_reason = NULL,
        changes = target_states.changes + 1
)
SELECT count(*) AS redriven, coalesce(array_agg(DISTINCT handler), '{}') AS handlers FROM taken
