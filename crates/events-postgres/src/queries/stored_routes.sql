-- The routes of subscriptions, and their version, also when there are none.
SELECT routes_version.version, route.*
FROM routes_version LEFT JOIN webhook_routes AS route ON true
ORDER BY route.number
