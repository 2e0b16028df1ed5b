-- As happened_after.sql, for events without an organization, which its index leaves out.
SELECT EXISTS (SELECT 1 FROM events WHERE event_type = ?1 AND organization_id IS ?2 AND seq > ?3)
