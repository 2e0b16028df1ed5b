-- Makes deliveries due again whose worker was not heard of in time; who waits longest is first.
UPDATE deliveries
SET due_at = ?1, lease_until = NULL, worker = NULL
WHERE delivery_id IN (
    SELECT delivery_id FROM deliveries
    WHERE lease_until < ?1
    ORDER BY lease_until, delivery_id
    LIMIT ?2 + 0
)
RETURNING delivery_id, seq, handler, target, attempts
