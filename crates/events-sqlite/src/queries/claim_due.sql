-- What is due for each of these targets, the first ?4 of each, in one row for all. A target costs a
-- seek and what it gives.
SELECT json_group_array(
    json_array(
        given.key,
        json((
            SELECT json_group_array(json_array(delivery_id, seq, due_at, attempts, lease, guard))
            FROM (
                SELECT delivery_id, seq, due_at, attempts, lease, guard FROM deliveries
                WHERE handler = ?1 AND target = given.value AND lease_until IS NULL AND due_at <= ?2
                ORDER BY due_at, delivery_id
                LIMIT ?4 + 0
            )
        ))
    )
)
FROM json_each(?3) AS given
