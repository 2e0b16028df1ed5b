SELECT * FROM webhook_subscriptions WHERE subscription_id > ?1 ORDER BY subscription_id LIMIT ?2 + 0
