-- When something can next be claimed for these targets. Run when waiting deliveries were taken away;
-- a target that has changed since we looked keeps its time, as in claim.sql.
WITH waiting AS MATERIALIZED (
    SELECT
        target_states.handler, target_states.target, changes,
        (
            SELECT due_at FROM deliveries
            WHERE deliveries.handler = target_states.handler AND deliveries.target = target_states.target
                AND lease_until IS NULL
            ORDER BY due_at
            LIMIT 1
        ) AS first_due_at
    FROM (SELECT DISTINCT * FROM unnest($1::text[], $2::text[]) AS given (handler, target)) AS given
    JOIN target_states USING (handler, target)
)
UPDATE target_states
SET first_due_at = free.first_due_at
FROM (
    SELECT waiting.handler, waiting.target, waiting.first_due_at
    FROM waiting JOIN target_states USING (handler, target)
    WHERE target_states.changes = waiting.changes
    ORDER BY waiting.handler, waiting.target
    FOR UPDATE OF target_states SKIP LOCKED
) AS free
WHERE target_states.handler = free.handler AND target_states.target = free.target
