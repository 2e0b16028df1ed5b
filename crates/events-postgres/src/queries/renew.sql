-- Extends the leases that are still held.
UPDATE deliveries
SET lease_until = $3
FROM (
    SELECT deliveries.delivery_id
    FROM unnest($1::bigint[], $2::bigint[]) AS given (delivery_id, lease)
    JOIN deliveries ON deliveries.delivery_id = given.delivery_id
    WHERE deliveries.lease = given.lease AND lease_until IS NOT NULL
    ORDER BY deliveries.delivery_id
    FOR UPDATE OF deliveries
) AS held
WHERE deliveries.delivery_id = held.delivery_id
RETURNING deliveries.delivery_id, lease
