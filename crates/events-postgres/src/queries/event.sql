SELECT events.*, processed, processed_at, retry_count, last_error
FROM event_ids
JOIN events USING (seq)
JOIN event_states USING (seq)
WHERE event_ids.event_id = $1 AND ($2::text IS NULL OR organization_id = $2)
