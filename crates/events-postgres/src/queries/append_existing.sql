-- The stored events that new ones may repeat: those with the same id, and those whose key still
-- protects its organization.
SELECT false AS by_key, events.*
FROM event_ids JOIN events USING (seq)
WHERE event_ids.event_id = ANY ($1::uuid[])
UNION ALL
SELECT true AS by_key, events.*
FROM unnest($2::text[], $3::text[]) AS given (organization_id, idempotency_key)
JOIN event_keys USING (organization_id, idempotency_key)
JOIN events USING (seq)
