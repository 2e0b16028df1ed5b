-- Part of append.sql where ids may be known.
WHEN EXISTS (SELECT FROM event_ids WHERE event_ids.event_id = ANY ({ids})) THEN false
