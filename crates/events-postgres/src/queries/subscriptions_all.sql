SELECT * FROM webhook_subscriptions
WHERE subscription_id > coalesce($1::uuid, '00000000-0000-0000-0000-000000000000')
ORDER BY subscription_id
LIMIT $2
