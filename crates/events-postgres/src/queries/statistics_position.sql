-- The position of counting, and the last numbers that were drawn, also by transactions that nobody sees yet.
SELECT
    position.attempts,
    position.events,
    (SELECT CASE WHEN is_called THEN last_value ELSE last_value - 1 END FROM attempts_attempt_id_seq) AS last_attempt,
    (SELECT CASE WHEN is_called THEN last_value ELSE last_value - 1 END FROM events_seq_seq) AS last_event
FROM counts_position AS position
