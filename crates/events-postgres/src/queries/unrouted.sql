-- The oldest first; each is looked up by itself, however many wait.
SELECT event.*
FROM (SELECT seq FROM outbox ORDER BY seq LIMIT $1) AS first
CROSS JOIN LATERAL (SELECT * FROM events WHERE events.seq = first.seq LIMIT 1) AS event
ORDER BY first.seq
