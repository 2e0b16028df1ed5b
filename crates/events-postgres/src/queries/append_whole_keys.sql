-- Part of append_whole.sql where events have keys.
, keys AS (
    INSERT INTO event_keys (organization_id, idempotency_key, seq, created_at)
    SELECT coalesce(organization_id, ''), idempotency_key, seq, created_at
    FROM stored
    WHERE idempotency_key IS NOT NULL
    ORDER BY 1, 2
)
