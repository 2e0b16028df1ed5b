-- Ends the rest of one target, or of all of a handler.
UPDATE target_states
SET paused_until = NULL, disabled_at = NULL, disabled_reason = NULL
WHERE handler = $1 AND ($2::text IS NULL OR target = $2) AND (disabled_at IS NOT NULL OR paused_until > $3)
RETURNING target
