-- How much waits at $1. Events with a waiting delivery are counted by the index on seq; the few whose
-- deliveries are all planned for later are taken off again.
SELECT
    (SELECT count(*) FROM outbox) AS unrouted,
    due,
    scheduled,
    leased,
    (SELECT count(*) FROM dead_letters) AS dead,
    (SELECT count(DISTINCT seq) FROM deliveries) AS open_events,
    (
        SELECT count(DISTINCT seq) FROM deliveries AS planned
        WHERE cancel_key IS NOT NULL AND attempts = 0 AND due_at > $1
            AND NOT EXISTS (
                SELECT FROM deliveries AS other
                WHERE other.seq = planned.seq
                    AND NOT (other.cancel_key IS NOT NULL AND other.attempts = 0 AND other.due_at > $1)
            )
    ) AS planned_events
FROM (
    SELECT
        count(*) FILTER (WHERE lease_until IS NULL AND due_at <= $1) AS due,
        count(*) FILTER (WHERE lease_until IS NULL AND due_at > $1) AS scheduled,
        count(*) FILTER (WHERE lease_until IS NOT NULL) AS leased
    FROM deliveries
) AS counted
