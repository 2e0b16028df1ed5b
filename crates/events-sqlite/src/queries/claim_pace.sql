-- What pacing leaves of each target's rate. as JSON: [[handler, target, paced_until, not_before], …]
UPDATE target_states
SET paced_until = given.value ->> 2, not_before = given.value ->> 3
FROM json_each(?) AS given
WHERE handler = given.value ->> 0 AND target = given.value ->> 1
