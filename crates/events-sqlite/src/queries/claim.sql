-- Leases deliveries. A greater lease fences out whoever held them before.
UPDATE deliveries
SET attempts = attempts + 1, lease = lease + 1, lease_until = ?, worker = ?
WHERE delivery_id IN (SELECT value FROM json_each(?))
