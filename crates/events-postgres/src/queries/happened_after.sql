SELECT EXISTS (
    SELECT FROM events WHERE organization_id = $2 AND event_type = $1 AND seq > $3
)
