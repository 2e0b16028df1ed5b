-- Ends every rest of these targets of a handler; their rate stays.
UPDATE target_states
SET paused_until = NULL, disabled_at = NULL, disabled_reason = NULL
WHERE handler = ?1 AND target IN (SELECT value FROM json_each(?2))
