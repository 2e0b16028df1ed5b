SELECT
    handler, target, paused_until, disabled_at, disabled_reason,
    (
        SELECT count(*) FROM deliveries
        WHERE deliveries.handler = resting.handler AND deliveries.target = resting.target AND lease_until IS NULL
    ) AS waiting
FROM target_states AS resting
WHERE disabled_at IS NOT NULL OR paused_until > $1
ORDER BY handler, target
