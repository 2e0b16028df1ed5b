-- Moves the position from $1, $2 to $3, $4 and adds counts, unless somebody has moved it.
-- $5 to $15 counts of attempts: handler, scope, name, day, succeeded, failed, dead, dropped, retries, duration,
-- latencies as text; $16 to $18 counts of events: organization, day, count. In the order of their keys.
WITH moved AS MATERIALIZED (
    UPDATE counts_position SET attempts = $3, events = $4 WHERE attempts = $1 AND events = $2 RETURNING 1
),
of_attempts AS (
    INSERT INTO attempt_counts (
        handler, scope, name, day, succeeded, failed, dead, dropped, retries, duration_ms, latencies
    )
    SELECT
        handler, scope, name, day, succeeded, failed, dead, dropped, retries, duration_ms, latencies::bigint[]
    FROM unnest(
        $5::text[], $6::text[], $7::text[], $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[],
        $13::bigint[], $14::bigint[], $15::text[]
    ) AS given (handler, scope, name, day, succeeded, failed, dead, dropped, retries, duration_ms, latencies)
    WHERE EXISTS (SELECT FROM moved)
    ON CONFLICT (handler, scope, name, day) DO UPDATE SET
        succeeded = attempt_counts.succeeded + excluded.succeeded,
        failed = attempt_counts.failed + excluded.failed,
        dead = attempt_counts.dead + excluded.dead,
        dropped = attempt_counts.dropped + excluded.dropped,
        retries = attempt_counts.retries + excluded.retries,
        duration_ms = attempt_counts.duration_ms + excluded.duration_ms,
        latencies = ARRAY(
            SELECT coalesce(one, 0) + coalesce(other, 0)
            FROM unnest(attempt_counts.latencies, excluded.latencies) WITH ORDINALITY AS added (one, other, place)
            ORDER BY place
        )
),
of_events AS (
    INSERT INTO event_counts (organization_id, day, count)
    SELECT organization_id, day, count
    FROM unnest($16::text[], $17::bigint[], $18::bigint[]) AS given (organization_id, day, count)
    WHERE EXISTS (SELECT FROM moved)
    ON CONFLICT (organization_id, day) DO UPDATE SET count = event_counts.count + excluded.count
)
SELECT true AS is_moved FROM moved
