-- Drops waiting deliveries with one of these keys.
DELETE FROM deliveries
WHERE cancel_key IN (SELECT value FROM json_each(?1)) AND lease_until IS NULL
RETURNING delivery_id, seq, handler, target, attempts, cancel_key
