-- Stores all of these events, or none when the id or the key of one is known already. When it does, and commits,
-- channel $1 is told $2, unless that is NULL. What stands in braces depends on how many they are, and on what is looked
-- for: see src/append/statement.rs.
INSERT INTO events (
    event_id, event_type, event_version, occurred_at, created_at, actor, actor_type, organization_id,
    payload, metadata, idempotency_key
)
SELECT
    event_id, event_type, event_version, occurred_at, created_at, actor, actor_type, organization_id,
    payload::json, metadata::json, idempotency_key
FROM ({events}) AS given (
    event_id, event_type, event_version, occurred_at, created_at, actor, actor_type, organization_id,
    payload, metadata, idempotency_key
)
WHERE CASE
    {when ids are known}
    {when keys are known}
    WHEN $2::text IS NULL THEN true
    ELSE (SELECT pg_notify($1, $2)) IS NOT NULL
END
