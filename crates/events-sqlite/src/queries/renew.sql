-- Extends the leases that are still held. ?1: [[delivery_id, lease], …]
UPDATE deliveries
SET lease_until = ?2
FROM json_each(?1) AS given
WHERE delivery_id = given.value ->> 0 AND lease = given.value ->> 1 AND lease_until IS NOT NULL
RETURNING delivery_id, lease
