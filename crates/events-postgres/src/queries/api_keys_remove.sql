DELETE FROM api_keys WHERE key_id = $1 RETURNING key_id
