-- What pacing leaves of each target's rate. ?2: [[target, paced_until, not_before], …]
UPDATE target_states
SET paced_until = given.value ->> 1, not_before = given.value ->> 2
FROM json_each(?2) AS given
WHERE handler = ?1 AND target = given.value ->> 0
