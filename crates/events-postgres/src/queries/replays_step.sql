-- Makes the deliveries of one step of job $1 and moves it from position $2 to $3, at $4; $5 says whether it is done then.
-- Handler $6, target $7; $8 events in order, $9 dead letters. Whoever comes second waits for the row and finds it moved.
WITH job AS MATERIALIZED (
    SELECT number FROM replays WHERE replay_id = $1 AND state = 'running' AND position = $2 FOR UPDATE
),
taken AS MATERIALIZED (
    DELETE FROM dead_letters
    WHERE delivery_id = ANY ($9::bigint[]) AND handler = $6 AND target = $7 AND EXISTS (SELECT FROM job)
    RETURNING delivery_id, seq, lease, cancel_key, guard
),
planned AS MATERIALIZED (
    SELECT nextval('delivery_ids') AS delivery_id, seq
    FROM (
        SELECT seq FROM unnest($8::bigint[]) WITH ORDINALITY AS given (seq, ordinal)
        WHERE EXISTS (SELECT FROM job)
        ORDER BY ordinal
    ) AS ordered
),
made AS (
    INSERT INTO deliveries (delivery_id, seq, handler, target, due_at, lease, cancel_key, guard)
    SELECT delivery_id, seq, $6, $7, $4::timestamptz, lease, cancel_key, guard FROM taken
    UNION ALL
    SELECT delivery_id, seq, $6, $7, $4::timestamptz, 0, NULL, NULL FROM planned
),
scheduled AS (
    INSERT INTO target_states (handler, target, first_due_at)
    SELECT $6, $7, $4::timestamptz
    WHERE EXISTS (SELECT FROM taken) OR EXISTS (SELECT FROM planned)
    ON CONFLICT (handler, target) DO UPDATE SET
        first_due_at = least(target_states.first_due_at, excluded.first_due_at),
        changes = target_states.changes + 1
)
UPDATE replays
SET
    position = $3,
    made = made + (SELECT count(*) FROM taken) + (SELECT count(*) FROM planned),
    updated_at = $4,
    state = CASE WHEN $5 THEN 'done' ELSE state END,
    ended_at = CASE WHEN $5 THEN $4::timestamptz END
WHERE number = (SELECT number FROM job)
RETURNING *
