-- Adds counts of attempts; latencies are given whole.
-- ?1: [[handler, scope, name, day, succeeded, failed, dead, dropped, retries, duration_ms, latencies], …]
INSERT INTO attempt_counts (
    handler, scope, name, day, succeeded, failed, dead, dropped, retries, duration_ms, latencies
)
SELECT
    value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7, value ->> 8,
    value ->> 9, value -> 10
FROM json_each(?1)
WHERE true
ON CONFLICT (handler, scope, name, day) DO UPDATE SET
    succeeded = succeeded + excluded.succeeded,
    failed = failed + excluded.failed,
    dead = dead + excluded.dead,
    dropped = dropped + excluded.dropped,
    retries = retries + excluded.retries,
    duration_ms = duration_ms + excluded.duration_ms,
    latencies = excluded.latencies
