-- Adds counts of events. ?1: [[organization_id, day, count], …]
INSERT INTO event_counts (organization_id, day, count)
SELECT value ->> 0, value ->> 1, value ->> 2
FROM json_each(?1)
WHERE true
ON CONFLICT (organization_id, day) DO UPDATE SET count = event_counts.count + excluded.count
