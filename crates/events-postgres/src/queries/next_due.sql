SELECT min(ready_at) AS ready_at FROM target_states WHERE handler = $1 AND ready_at IS NOT NULL
