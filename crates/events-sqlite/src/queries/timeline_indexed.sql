-- As timeline.sql, for one actor or organization. The index begins with the part of the log, so the
-- parts are looked through from the newest back until the page is full.
SELECT events.*, processed, processed_at, retry_count, last_error
FROM (
    SELECT seq FROM events INDEXED BY {index}
    WHERE seq >> 14 IN (SELECT part FROM event_parts){filters}
    ORDER BY seq >> 14 DESC, seq DESC
    LIMIT ?1 + 0 OFFSET ?2
) AS page
CROSS JOIN events USING (seq)
CROSS JOIN event_states USING (seq)
ORDER BY events.seq DESC
