-- As happened_after.sql, for events without an organization, which its index leaves out.
SELECT EXISTS (
    SELECT FROM events WHERE event_type = $1 AND organization_id IS NOT DISTINCT FROM $2::text AND seq > $3
)
