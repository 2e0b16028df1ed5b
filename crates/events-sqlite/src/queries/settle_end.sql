-- Ended deliveries leave the hot table.
DELETE FROM deliveries WHERE delivery_id IN (SELECT value FROM json_each(?1))
