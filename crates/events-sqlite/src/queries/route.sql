INSERT INTO deliveries (seq, handler, target, due_at, cancel_key, guard)
SELECT * FROM (VALUES {rows}) WHERE column1 IS NOT NULL
