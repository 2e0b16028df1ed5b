-- Events after ?1 up to ?2, alike ones together: of organization ?3, or of all.
SELECT organization_id, day, count(*) AS count
FROM (
    SELECT
        organization_id,
        (created_at - 86399999999 * (created_at < 0)) / 86400000000 AS day
    FROM events
    WHERE seq > ?1 AND seq <= ?2 AND (?3 IS NULL OR organization_id = ?3)
)
GROUP BY organization_id, day
