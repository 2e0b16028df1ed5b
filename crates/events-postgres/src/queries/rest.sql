-- Has a target rest: of two pauses the longer one stays, and the last to disable it says why.
INSERT INTO target_states (handler, target, paused_until, disabled_at, disabled_reason) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (handler, target) DO UPDATE SET
    paused_until = greatest(target_states.paused_until, excluded.paused_until),
    disabled_at = coalesce(excluded.disabled_at, target_states.disabled_at),
    disabled_reason = coalesce(excluded.disabled_reason, target_states.disabled_reason)
