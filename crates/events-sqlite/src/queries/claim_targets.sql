-- Targets that have something due and are neither paused nor disabled; who waits longest is first.
-- One row for all, because handing over a row costs more than reading it.
SELECT json_group_array(json_array(target, paced_until))
FROM (
    SELECT target, paced_until FROM target_states
    WHERE handler = ?1 AND ready_at <= ?2
    ORDER BY ready_at, target
    LIMIT ?3 + 0
)
