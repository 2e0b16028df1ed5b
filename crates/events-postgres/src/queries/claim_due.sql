-- For a handler with a pace: ready targets of handler $1 at $2, at most $3, with the state of their pace and the
-- first $4 of what is due for each.
SELECT ready.target, paced_until, delivery_id
FROM (
    SELECT target, paced_until, first_due_at, row_number() OVER (ORDER BY ready_at, target) AS place
    FROM target_states
    WHERE handler = $1 AND ready_at <= $2
    ORDER BY ready_at, target
    LIMIT $3
) AS ready
LEFT JOIN LATERAL (
    SELECT due_at, delivery_id FROM deliveries
    WHERE handler = $1 AND deliveries.target = ready.target AND lease_until IS NULL
        AND due_at <= $2 AND due_at >= ready.first_due_at
    ORDER BY due_at, delivery_id
    LIMIT $4
) AS due ON true
ORDER BY place, due_at, delivery_id
