UPDATE webhook_secrets SET expires_at = min(ifnull(expires_at, ?2), ?2) WHERE subscription_id = ?1
