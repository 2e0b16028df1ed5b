SELECT * FROM replays
WHERE true{filters}
ORDER BY number DESC
LIMIT ?1 + 0 OFFSET ?2
