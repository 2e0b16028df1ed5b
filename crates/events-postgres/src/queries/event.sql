-- Each part is looked up by itself, whatever the planner believes.
SELECT event.*, processed, processed_at, retry_count, last_error
FROM event_ids
CROSS JOIN LATERAL (SELECT * FROM events WHERE events.seq = event_ids.seq LIMIT 1) AS event
CROSS JOIN LATERAL (SELECT * FROM event_states WHERE event_states.seq = event_ids.seq LIMIT 1) AS state
WHERE event_ids.event_id = $1 AND ($2::text IS NULL OR organization_id = $2)
