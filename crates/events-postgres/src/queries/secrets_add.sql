-- Adds a secret and lets the others of its subscription expire at $9. Of two at the same time the second meets the
-- unique index of those without an end, and is run again.
WITH subscription AS MATERIALIZED (
    SELECT subscription_id FROM webhook_subscriptions
    WHERE subscription_id = $2 AND NOT EXISTS (SELECT FROM webhook_secrets WHERE secret_id = $1)
    FOR KEY SHARE
),
expired AS (
    DELETE FROM webhook_secrets
    WHERE subscription_id = (SELECT subscription_id FROM subscription) AND expires_at <= $7
),
others AS (
    UPDATE webhook_secrets
    SET expires_at = least(expires_at, $9)
    WHERE subscription_id = (SELECT subscription_id FROM subscription)
        AND (expires_at IS NULL OR expires_at > $7)
    RETURNING secret_id
)
INSERT INTO webhook_secrets (
    secret_id, subscription_id, scheme, key_id, sealed, public_key, created_at, expires_at
)
SELECT $1, subscription_id, $3, $4, $5, $6, $7, $8
FROM subscription
CROSS JOIN (SELECT count(*) FROM others) AS changed -- so that none of them is without an end before
RETURNING subscription_id
