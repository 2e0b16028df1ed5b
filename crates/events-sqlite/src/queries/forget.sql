-- Targets about which nothing is known any more need no row: mailboxes come and go by the million.
DELETE FROM target_states
WHERE handler = ?1
    AND target IN (SELECT value FROM json_each(?2))
    AND ready_at IS NULL
    AND paused_until IS NULL
    AND paced_until IS NULL
    AND disabled_at IS NULL
