DELETE FROM webhook_secrets WHERE subscription_id = ?1 AND expires_at <= ?2
