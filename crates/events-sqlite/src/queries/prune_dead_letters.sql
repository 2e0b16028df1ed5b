DELETE FROM dead_letters
WHERE delivery_id IN (
    SELECT delivery_id FROM dead_letters WHERE created_at < ?1 ORDER BY created_at, delivery_id LIMIT ?2 + 0
)
