SELECT * FROM webhook_secrets WHERE subscription_id = ?1 ORDER BY number DESC
