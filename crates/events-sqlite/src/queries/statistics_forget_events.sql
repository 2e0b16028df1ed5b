DELETE FROM event_counts
WHERE (organization_id, day) IN (SELECT organization_id, day FROM event_counts WHERE day < ?1 ORDER BY day LIMIT ?2 + 0)
