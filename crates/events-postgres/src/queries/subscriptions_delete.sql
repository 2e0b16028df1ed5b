-- Its secrets go with it.
DELETE FROM webhook_subscriptions
WHERE subscription_id = $1 AND ($2::text IS NULL OR organization_id = $2)
RETURNING number
