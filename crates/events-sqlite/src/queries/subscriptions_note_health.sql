UPDATE webhook_subscriptions SET failing_since = ?2, notices = ?3 WHERE subscription_id = ?1
