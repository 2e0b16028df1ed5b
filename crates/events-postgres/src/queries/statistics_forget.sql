-- Removes counts of days before $1, the oldest $2 of each kind.
WITH of_attempts AS (
    DELETE FROM attempt_counts
    WHERE ctid = ANY (ARRAY(SELECT ctid FROM attempt_counts WHERE day < $1 ORDER BY day LIMIT $2))
    RETURNING 1
),
of_events AS (
    DELETE FROM event_counts
    WHERE ctid = ANY (ARRAY(SELECT ctid FROM event_counts WHERE day < $1 ORDER BY day LIMIT $2))
    RETURNING 1
)
SELECT (SELECT count(*) FROM of_attempts) + (SELECT count(*) FROM of_events) AS forgotten
