-- The routes of subscriptions, and their version, also when there are none.
SELECT routes_version.version, webhook_routes.*
FROM routes_version LEFT JOIN webhook_routes
ORDER BY number
