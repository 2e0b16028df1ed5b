-- The leases that are still held, of these deliveries.
SELECT delivery_id, lease FROM deliveries
WHERE delivery_id IN (SELECT value FROM json_each(?1)) AND lease_until IS NOT NULL
