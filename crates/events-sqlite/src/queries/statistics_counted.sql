-- What was counted for handler ?1 in scope ?2 with one of the names ?3 (a JSON array) from day ?4 on; events of ?5. Each
-- row has the position as of the same moment; the last one has nothing else.
SELECT counts_position.attempts, counts_position.events, name, day, succeeded, failed, dead, dropped, retries,
    duration_ms, latencies, NULL AS count
FROM counts_position
CROSS JOIN json_each(?3) AS given
CROSS JOIN attempt_counts
    ON handler = ?1 AND scope = ?2 AND name = given.value AND day >= ?4
UNION ALL
SELECT counts_position.attempts, counts_position.events, NULL, day, NULL, NULL, NULL, NULL, NULL, NULL, NULL, count
FROM counts_position CROSS JOIN event_counts ON organization_id = ?5 AND day >= ?4
UNION ALL
SELECT attempts, events, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL FROM counts_position
