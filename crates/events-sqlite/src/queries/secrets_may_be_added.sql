SELECT EXISTS (SELECT 1 FROM webhook_subscriptions WHERE subscription_id = ?2)
    AND NOT EXISTS (SELECT 1 FROM webhook_secrets WHERE secret_id = ?1)
