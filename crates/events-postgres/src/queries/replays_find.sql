SELECT * FROM replays WHERE replay_id = $1 AND ($2::text IS NULL OR organization_id = $2)
