DELETE FROM attempts
WHERE attempt_id IN (
    SELECT attempt_id FROM attempts
    WHERE created_at < ?1
        AND NOT EXISTS (SELECT 1 FROM deliveries WHERE deliveries.delivery_id = attempts.delivery_id)
    ORDER BY created_at, attempt_id
    LIMIT ?2 + 0
)
