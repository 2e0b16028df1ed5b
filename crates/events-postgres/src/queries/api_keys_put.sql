WITH replaced AS (
    DELETE FROM api_keys WHERE key_id = $1 OR hash = $2 RETURNING key_id
)
INSERT INTO api_keys (key_id, hash, name, scopes, organization_id, created_at)
SELECT $1, $2, $3, $4, $5, $6
FROM (SELECT count(*) FROM replaced) AS removed -- so that they are gone before
