-- Events after $1 up to $2, alike ones together: of organization $3, or of all.
SELECT organization_id, day, count(*) AS count
FROM (
    SELECT organization_id, ((created_at AT TIME ZONE 'UTC')::date - date '1970-01-01')::bigint AS day
    FROM events
    WHERE seq > $1 AND seq <= $2 AND ($3::text IS NULL OR organization_id = $3)
) AS seen
GROUP BY organization_id, day
