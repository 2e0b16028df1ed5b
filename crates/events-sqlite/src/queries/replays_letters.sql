-- Dead letters among ?1, [delivery_id, …], of this handler and target.
SELECT delivery_id FROM dead_letters
WHERE delivery_id IN (SELECT value FROM json_each(?1)) AND handler = ?2 AND target = ?3
