-- append.sql, and in the same statement what the trigger on events does for those who store them otherwise: it stays away
-- from connections that say events.fills_outbox. What stands in braces: see src/append/statement.rs.
-- In the order of ids and keys, so that two batches with the same ones wait for each other and do not deadlock.
WITH stored AS (
    {append}
    RETURNING seq, event_id, organization_id, idempotency_key, created_at
),
ids AS (
    INSERT INTO event_ids (event_id, seq) SELECT event_id, seq FROM stored ORDER BY event_id
)
{and keys}
INSERT INTO outbox (seq) SELECT seq FROM stored
