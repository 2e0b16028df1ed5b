-- When something can next be claimed for these targets, as JSON: [[handler, target], …]. Run whenever the
-- set of waiting deliveries of a target, or its state, has changed; costs a seek for each target,
-- however much waits.
INSERT INTO target_states (handler, target, ready_at)
SELECT
    given.value ->> 0,
    given.value ->> 1,
    (
        SELECT due_at FROM deliveries
        WHERE handler = given.value ->> 0 AND target = given.value ->> 1 AND lease_until IS NULL
        ORDER BY due_at
        LIMIT 1
    )
FROM json_each(?) AS given
WHERE true -- or the parser takes ON for a join
ON CONFLICT (handler, target) DO UPDATE SET
    ready_at = iif(
        disabled_at IS NULL,
        max(excluded.ready_at, ifnull(paused_until, excluded.ready_at), ifnull(not_before, excluded.ready_at)),
        NULL
    )
