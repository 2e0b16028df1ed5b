DELETE FROM event_keys
WHERE (organization_id, idempotency_key) IN (
    SELECT organization_id, idempotency_key FROM event_keys WHERE created_at < ?1 ORDER BY created_at, seq LIMIT ?2 + 0
)
