-- First the page, by numbers alone, then what it shows.
SELECT events.*, processed, processed_at, retry_count, last_error
FROM (
    SELECT seq FROM events WHERE true{filters} ORDER BY seq DESC LIMIT $1 OFFSET $2
) AS page
JOIN events USING (seq)
JOIN event_states USING (seq)
ORDER BY events.seq DESC
