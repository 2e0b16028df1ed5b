-- Ends every rest of these targets, ?1: [[handler, target], …]; their rate stays.
UPDATE target_states
SET paused_until = NULL, disabled_at = NULL, disabled_reason = NULL
WHERE (handler, target) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?1))
