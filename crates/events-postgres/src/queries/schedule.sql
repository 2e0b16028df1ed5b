-- When something can next be claimed for these targets. Run when waiting deliveries were taken away;
-- a target that has changed since we looked keeps its time, as in claim.sql.
WITH waiting AS MATERIALIZED (
    SELECT
        target_states.handler, target_states.target, changes,
        (
            SELECT due_at FROM deliveries
            WHERE deliveries.handler = target_states.handler AND deliveries.target = target_states.target
                AND lease_until IS NULL AND due_at >= target_states.first_due_at
            ORDER BY due_at
            LIMIT 1
        ) AS first_due_at
    FROM (SELECT DISTINCT * FROM unnest($1::text[], $2::text[]) AS given (handler, target)) AS given
    CROSS JOIN LATERAL (
        SELECT * FROM target_states
        WHERE target_states.handler = given.handler AND target_states.target = given.target
        LIMIT 1
    ) AS target_states
)
UPDATE target_states
SET first_due_at = free.first_due_at
FROM (
    SELECT unchanged.ctid, waiting.first_due_at
    FROM waiting
    CROSS JOIN LATERAL (
        SELECT ctid FROM target_states
        WHERE target_states.handler = waiting.handler AND target_states.target = waiting.target
            AND target_states.changes = waiting.changes
        LIMIT 1
        FOR UPDATE SKIP LOCKED
    ) AS unchanged
) AS free
WHERE target_states.ctid = free.ctid
