-- Targets about which nothing is known any more need no row: mailboxes come and go by the million.
-- as JSON: [[handler, target], …]
DELETE FROM target_states
WHERE (handler, target) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?))
    AND ready_at IS NULL
    AND paused_until IS NULL
    AND paced_until IS NULL
    AND disabled_at IS NULL
