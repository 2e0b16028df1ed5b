-- Has a target rest: of two pauses the longer one stays, and the last to disable it says why.
INSERT INTO target_states (handler, target, paused_until, disabled_at, disabled_reason) VALUES (?1, ?2, ?3, ?4, ?5)
ON CONFLICT (handler, target) DO UPDATE SET
    paused_until = nullif(max(ifnull(paused_until, 0), ifnull(excluded.paused_until, 0)), 0),
    disabled_at = ifnull(excluded.disabled_at, disabled_at),
    disabled_reason = ifnull(excluded.disabled_reason, disabled_reason)
