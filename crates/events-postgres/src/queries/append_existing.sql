-- The stored events that new ones may repeat: those with the same id, and those whose key still
-- protects its organization. Each is looked up by itself, whatever the planner believes.
SELECT known.by_key, event.*
FROM (
    SELECT false AS by_key, seq FROM event_ids WHERE event_id = ANY ($1::uuid[])
    UNION ALL
    SELECT true AS by_key, keyed.seq
    FROM unnest($2::text[], $3::text[]) AS given (organization_id, idempotency_key)
    CROSS JOIN LATERAL (
        SELECT seq FROM event_keys
        WHERE event_keys.organization_id = given.organization_id
            AND event_keys.idempotency_key = given.idempotency_key
        LIMIT 1
    ) AS keyed
) AS known
CROSS JOIN LATERAL (SELECT * FROM events WHERE events.seq = known.seq LIMIT 1) AS event
