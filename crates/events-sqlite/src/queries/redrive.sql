-- Brings dead letters back under their ids and enables the targets they go to.
-- ?1: [delivery_id, …], ?2: now, ?3: [[handler, target], …]
INSERT INTO deliveries (delivery_id, seq, handler, target, due_at, lease, cancel_key, guard)
SELECT delivery_id, seq, handler, target, ?2, lease, cancel_key, guard
FROM dead_letters
WHERE delivery_id IN (SELECT value FROM json_each(?1));

DELETE FROM dead_letters WHERE delivery_id IN (SELECT value FROM json_each(?1));

UPDATE target_states
SET paused_until = NULL, disabled_at = NULL, disabled_reason = NULL
FROM json_each(?3) AS given
WHERE handler = given.value ->> 0 AND target = given.value ->> 1;
