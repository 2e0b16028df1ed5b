-- Deliveries whose worker was not heard of in time; who waits longest is first.
SELECT delivery_id, seq, handler, target, attempts FROM deliveries
WHERE lease_until < ?1
ORDER BY lease_until, delivery_id
LIMIT ?2 + 0
