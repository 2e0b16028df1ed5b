-- Ends a job that runs, before it is done: $3 state, $4 reason, $5 when.
UPDATE replays
SET state = $3, reason = $4, updated_at = $5, ended_at = $5
WHERE replay_id = $1 AND ($2::text IS NULL OR organization_id = $2) AND state = 'running'
RETURNING *
