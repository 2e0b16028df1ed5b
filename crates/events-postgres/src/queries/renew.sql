-- Extends the leases that are still held.
WITH held AS MATERIALIZED (
    SELECT given.delivery_id
    FROM (
        SELECT DISTINCT * FROM unnest($1::bigint[], $2::bigint[]) AS given (delivery_id, lease) ORDER BY delivery_id
    ) AS given
    CROSS JOIN LATERAL (
        SELECT FROM deliveries
        WHERE deliveries.delivery_id = given.delivery_id AND deliveries.lease = given.lease AND lease_until IS NOT NULL
        LIMIT 1
        FOR UPDATE
    ) AS current
)
UPDATE deliveries
SET lease_until = $3
WHERE delivery_id = ANY (ARRAY(SELECT delivery_id FROM held))
RETURNING delivery_id, lease
