-- Job ?1, if it runs and is at this position.
SELECT number FROM replays WHERE replay_id = ?1 AND state = 'running' AND position = ?2
