SELECT events.*, processed, processed_at, retry_count, last_error
FROM events CROSS JOIN event_states USING (seq)
WHERE events.event_id = ?1 AND (?2 IS NULL OR organization_id = ?2)
