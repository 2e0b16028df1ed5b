-- The oldest, each looked up by itself, however many wait; and the version of the stored routes as of the same moment, also
-- when nothing waits. They come as they lie, and who asked puts them into their order.
SELECT routes_version.version, event.*
FROM routes_version
LEFT JOIN (
    SELECT event.*
    FROM (SELECT seq FROM outbox ORDER BY seq LIMIT $1) AS first
    CROSS JOIN LATERAL (SELECT * FROM events WHERE events.seq = first.seq LIMIT 1) AS event
) AS event ON true
