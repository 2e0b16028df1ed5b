SELECT EXISTS (
    SELECT 1 FROM events INDEXED BY idx_org_events
    WHERE seq >> 14 IN (SELECT part FROM event_parts WHERE part >= ?3 >> 14)
        AND organization_id = ?2
        AND event_type = ?1
        AND seq > ?3
)
