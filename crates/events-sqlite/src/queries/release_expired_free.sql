UPDATE deliveries
SET due_at = ?2, lease_until = NULL, worker = NULL
WHERE delivery_id IN (SELECT value FROM json_each(?1))
