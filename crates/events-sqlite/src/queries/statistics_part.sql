-- The part that comes after attempt ?1 and event ?2: where it ends, ?3 rows of each later at most, and whether there is
-- more behind it.
SELECT
    position.attempts AS from_attempts,
    position.events AS from_events,
    part.attempts AS to_attempts,
    part.events AS to_events,
    EXISTS (SELECT 1 FROM attempts WHERE attempt_id > part.attempts)
        OR EXISTS (SELECT 1 FROM events WHERE seq > part.events) AS more
FROM (
    SELECT ifnull(?1, attempts) AS attempts, ifnull(?2, events) AS events FROM counts_position
) AS position
JOIN (
    SELECT
        ifnull(
            (SELECT max(attempt_id) FROM (
                SELECT attempt_id FROM attempts
                WHERE attempt_id > (SELECT ifnull(?1, attempts) FROM counts_position)
                ORDER BY attempt_id LIMIT ?3 + 0
            )),
            (SELECT ifnull(?1, attempts) FROM counts_position)
        ) AS attempts,
        ifnull(
            (SELECT max(seq) FROM (
                SELECT seq FROM events
                WHERE seq > (SELECT ifnull(?2, events) FROM counts_position)
                ORDER BY seq LIMIT ?3 + 0
            )),
            (SELECT ifnull(?2, events) FROM counts_position)
        ) AS events
) AS part
