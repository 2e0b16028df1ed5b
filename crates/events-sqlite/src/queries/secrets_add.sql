INSERT INTO webhook_secrets (
    secret_id, subscription_id, scheme, key_id, sealed, public_key, created_at, expires_at
)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
