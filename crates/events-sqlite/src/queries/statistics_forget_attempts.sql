DELETE FROM attempt_counts
WHERE (handler, scope, name, day) IN (
    SELECT handler, scope, name, day FROM attempt_counts WHERE day < ?1 ORDER BY day LIMIT ?2 + 0
)
