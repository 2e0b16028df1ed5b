SELECT events.*, delivery_id, handler, target, attempts, reason_class, reason, died_at
FROM (
    SELECT delivery_id, seq, handler, target, attempts, reason_class, reason, created_at AS died_at
    FROM dead_letters AS listed
    WHERE true{filters}
    ORDER BY delivery_id DESC
    LIMIT $1 OFFSET $2
) AS page
JOIN events USING (seq)
ORDER BY delivery_id DESC
