-- The oldest dead letters that the filter names; what is NULL does not restrict.
SELECT delivery_id, handler, target FROM dead_letters
WHERE (?1 IS NULL OR delivery_id IN (SELECT value FROM json_each(?1)))
    AND (?2 IS NULL OR handler = ?2)
    AND (?3 IS NULL OR target = ?3)
    AND (?4 IS NULL OR (SELECT organization_id FROM events WHERE events.seq = dead_letters.seq) = ?4)
ORDER BY delivery_id
LIMIT ?5 + 0
