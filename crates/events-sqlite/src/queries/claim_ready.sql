-- Targets that have something due and are neither paused nor disabled, who waits longest first, ?7 at most, with the
-- organization that each belongs to and what is due for it: the first ?4, or else an equal share of ?3, of which no
-- target gets more than ?6, and one more, which tells who has more. A target costs a seek and what it gives. One row for
-- all, because handing over a row costs more than reading it. Targets in ?5 are passed over.
WITH ready AS MATERIALIZED (
    SELECT target, paced_until FROM target_states
    WHERE handler = ?1 AND ready_at <= ?2 AND target NOT IN (SELECT value FROM json_each(?5))
    ORDER BY ready_at, target
    LIMIT ?7 + 0
)
SELECT json_group_array(
    json_array(
        target,
        paced_until,
        (
            SELECT organization_id FROM target_organizations
            WHERE handler = ?1 AND target_organizations.target = ready.target
        ),
        json((
            SELECT json_group_array(json_array(delivery_id, seq, due_at, attempts, lease, guard))
            FROM (
                SELECT delivery_id, seq, due_at, attempts, lease, guard FROM deliveries
                WHERE handler = ?1 AND target = ready.target AND lease_until IS NULL AND due_at <= ?2
                ORDER BY due_at, delivery_id
                LIMIT ifnull(?4, min(max(1, ?3 / (SELECT count(*) FROM ready)), ?6) + 1)
            )
        ))
    )
)
FROM ready
