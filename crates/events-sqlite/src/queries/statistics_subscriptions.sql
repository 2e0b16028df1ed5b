SELECT
    count(*) AS total,
    count(*) FILTER (WHERE status = 'enabled' AND failing_since IS NOT NULL) AS failing,
    count(*) FILTER (WHERE status = 'paused') AS paused,
    count(*) FILTER (WHERE status = 'disabled') AS disabled,
    count(*) FILTER (WHERE verified_at IS NULL) AS unverified
FROM webhook_subscriptions
WHERE ?1 IS NULL OR organization_id = ?1
