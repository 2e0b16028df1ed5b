INSERT INTO webhook_subscriptions (
    subscription_id, organization_id, url, events, filter, description, headers, retry, timeout_ms, rate_interval_us,
    rate_burst, format, signing, status, disabled_reason, disabled_at, verified_at, updated_at, created_at,
    failing_since, notices, revision
)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22)
ON CONFLICT (subscription_id) DO NOTHING
