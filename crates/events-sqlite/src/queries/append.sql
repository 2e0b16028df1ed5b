INSERT INTO events (
    event_id, event_type, event_version, occurred_at, created_at, actor, actor_type, organization_id,
    payload, metadata, idempotency_key
)
SELECT * FROM (VALUES {rows}) WHERE column1 IS NOT NULL
