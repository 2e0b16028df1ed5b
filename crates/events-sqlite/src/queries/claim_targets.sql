-- Targets that have something due and are neither paused nor disabled; who waits longest is first.
SELECT target, paced_until FROM target_states
WHERE handler = ?1 AND ready_at <= ?2
ORDER BY ready_at, target
LIMIT ?3 + 0
