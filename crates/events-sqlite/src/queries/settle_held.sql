-- The leases that are still held, of these deliveries, as one row: handing over rows costs more than
-- reading them.
SELECT json_group_array(json_array(delivery_id, lease)) FROM deliveries
WHERE delivery_id IN (SELECT value FROM json_each(?1)) AND lease_until IS NOT NULL
