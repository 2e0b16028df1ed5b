-- What is due for each of these targets, the first ?4 of each. A target costs a seek and what it gives.
SELECT given.key AS place, delivery_id, seq, target, due_at, attempts, lease, guard
FROM json_each(?3) AS given
CROSS JOIN deliveries
WHERE delivery_id IN (
    SELECT delivery_id FROM deliveries AS due
    WHERE handler = ?1 AND target = given.value AND lease_until IS NULL AND due_at <= ?2
    ORDER BY due_at, delivery_id
    LIMIT ?4
)
