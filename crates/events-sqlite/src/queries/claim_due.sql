-- What is due for a target, the first ?4, in one row for all.
SELECT json_group_array(json_array(delivery_id, seq, due_at, attempts, lease, guard))
FROM (
    SELECT delivery_id, seq, due_at, attempts, lease, guard FROM deliveries
    WHERE handler = ?1 AND target = ?3 AND lease_until IS NULL AND due_at <= ?2
    ORDER BY due_at, delivery_id
    LIMIT ?4 + 0
)
