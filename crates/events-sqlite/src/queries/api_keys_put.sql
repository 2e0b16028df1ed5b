INSERT OR REPLACE INTO api_keys (key_id, hash, name, scopes, organization_id, created_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6)
