-- How many attempts go with a partition that ends at $1, if that is not after $2 and none belongs to a delivery that
-- still waits; else nothing.
SELECT (SELECT count(*) FROM {partition}) AS attempts
WHERE $1::text::timestamptz <= $2 AND NOT EXISTS (SELECT FROM {partition} JOIN {deliveries} USING (delivery_id))
