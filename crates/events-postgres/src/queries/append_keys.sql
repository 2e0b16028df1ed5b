-- Part of append.sql where events have keys.
WHEN EXISTS (
    SELECT FROM ({keys}) AS keyed (organization_id, idempotency_key)
    CROSS JOIN LATERAL (
        SELECT FROM event_keys
        WHERE event_keys.organization_id = coalesce(keyed.organization_id, '')
            AND event_keys.idempotency_key = keyed.idempotency_key
        LIMIT 1
    ) AS known
    WHERE keyed.idempotency_key IS NOT NULL
) THEN false
