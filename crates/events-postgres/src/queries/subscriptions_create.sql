-- A subscription with its first secret, unless there is one with this id.
WITH made AS (
    INSERT INTO webhook_subscriptions (
        subscription_id, organization_id, url, events, filter, description, headers, retry, timeout_ms,
        rate_interval_us, rate_burst, format, signing, status, disabled_reason, disabled_at, verified_at, updated_at,
        created_at, failing_since, notices, revision
    )
    VALUES (
        $1, $2, $3, $4::text::json, $5::text::json, $6, $7::text::json, $8::text::json, $9, $10, $11, $12, $13, $14,
        $15, $16, $17, $18, $19, $20, $21, $22
    )
    ON CONFLICT (subscription_id) DO NOTHING
    RETURNING subscription_id
)
INSERT INTO webhook_secrets (
    secret_id, subscription_id, scheme, key_id, sealed, public_key, created_at, expires_at
)
SELECT $23, subscription_id, $24, $25, $26, $27, $28, $29 FROM made
RETURNING subscription_id
