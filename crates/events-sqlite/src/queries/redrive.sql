-- Brings dead letters back under their ids. ?1: [delivery_id, …], ?2: now
INSERT INTO deliveries (delivery_id, seq, handler, target, due_at, lease, cancel_key, guard)
SELECT delivery_id, seq, handler, target, ?2, lease, cancel_key, guard
FROM dead_letters
WHERE delivery_id IN (SELECT value FROM json_each(?1));

DELETE FROM dead_letters WHERE delivery_id IN (SELECT value FROM json_each(?1));
