-- Deliveries of events ?1, [seq, …], in that order, due at ?4.
INSERT INTO deliveries (seq, handler, target, due_at)
SELECT value, ?2, ?3, ?4 FROM json_each(?1) ORDER BY key
RETURNING delivery_id
