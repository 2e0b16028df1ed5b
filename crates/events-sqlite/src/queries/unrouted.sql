-- The oldest first, and the version of the stored routes, also when nothing waits.
SELECT routes_version.version, events.*
FROM routes_version
LEFT JOIN (SELECT seq FROM outbox ORDER BY seq LIMIT ?1 + 0) AS first
LEFT JOIN events ON events.seq = first.seq
