-- The stored events that new ones may repeat: those with the same id, and those whose key still
-- protects its organization.
SELECT false AS by_key, events.* FROM events
WHERE event_id IN (SELECT unhex(value) FROM json_each(?1))
UNION ALL
SELECT true AS by_key, events.*
FROM json_each(?2) AS given
CROSS JOIN event_keys
    ON event_keys.organization_id = given.value ->> 0 AND event_keys.idempotency_key = given.value ->> 1
CROSS JOIN events USING (seq)
