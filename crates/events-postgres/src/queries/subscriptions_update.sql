-- Changes the revision that its maker has seen, or none.
UPDATE webhook_subscriptions
SET
    url = $3, events = $4::text::json, filter = $5::text::json, description = $6, headers = $7::text::json,
    retry = $8::text::json, timeout_ms = $9, rate_interval_us = $10, rate_burst = $11, format = $12, signing = $13,
    status = $14, disabled_reason = $15, disabled_at = $16, verified_at = $17, updated_at = $18,
    revision = revision + 1
WHERE subscription_id = $1 AND organization_id IS NOT DISTINCT FROM $2 AND revision = $19
RETURNING *
