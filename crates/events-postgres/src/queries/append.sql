-- Stores all of these events, or none when the id or the key of one is known already. When it does, and commits,
-- channel $12 is told $13, unless that is NULL.
INSERT INTO events (
    event_id, event_type, event_version, occurred_at, created_at, actor, actor_type, organization_id,
    payload, metadata, idempotency_key
)
SELECT
    event_id, event_type, event_version, occurred_at, created_at, actor, actor_type, organization_id,
    payload::json, metadata::json, idempotency_key
FROM (
    SELECT
        unnest($1::uuid[]) AS event_id, unnest($2::text[]) AS event_type, unnest($3::text[]) AS event_version,
        unnest($4::timestamptz[]) AS occurred_at, unnest($5::timestamptz[]) AS created_at, unnest($6::text[]) AS actor,
        unnest($7::text[]) AS actor_type, unnest($8::text[]) AS organization_id, unnest($9::text[]) AS payload,
        unnest($10::text[]) AS metadata, unnest($11::text[]) AS idempotency_key,
        generate_series(1, cardinality($1)) AS place
) AS given
WHERE NOT EXISTS (SELECT FROM event_ids WHERE event_ids.event_id = ANY ($1::uuid[]))
    AND NOT EXISTS (
        SELECT FROM unnest($8::text[], $11::text[]) AS keyed (organization_id, idempotency_key)
        CROSS JOIN LATERAL (
            SELECT FROM event_keys
            WHERE event_keys.organization_id = coalesce(keyed.organization_id, '')
                AND event_keys.idempotency_key = keyed.idempotency_key
            LIMIT 1
        ) AS known
        WHERE keyed.idempotency_key IS NOT NULL
    )
ORDER BY place
RETURNING (SELECT pg_notify($12, $13) WHERE $13 IS NOT NULL)
