-- What targets brought upon themselves. ?1: [[handler, target, paused_until, disabled_at, disabled_reason], …]
INSERT INTO target_states (handler, target, paused_until, disabled_at, disabled_reason)
SELECT
    given.value ->> 0, given.value ->> 1, given.value ->> 2, given.value ->> 3, given.value ->> 4
FROM json_each(?1) AS given
WHERE true -- or the parser takes ON for a join
ON CONFLICT (handler, target) DO UPDATE SET
    paused_until = nullif(max(ifnull(paused_until, 0), ifnull(excluded.paused_until, 0)), 0),
    disabled_at = ifnull(excluded.disabled_at, disabled_at),
    disabled_reason = ifnull(excluded.disabled_reason, disabled_reason)
