-- Deliveries of events that nobody has routed yet.
INSERT INTO deliveries (seq, handler, target, due_at, cancel_key, guard)
SELECT * FROM (VALUES {rows}) WHERE column1 IN (SELECT seq FROM outbox)
