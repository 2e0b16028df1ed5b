SELECT * FROM webhook_subscriptions
WHERE true{filters}
ORDER BY number DESC
LIMIT $1 OFFSET $2
