-- Partitions that are not there and will be needed next: of $1 events each, for the place of the log that is
-- written and the one after; and of attempts, for this week and $2 more. A range in which the partition without
-- bounds holds something already is left to it.
WITH known AS (
    SELECT relname::text AS name FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
    WHERE inhparent IN ('events'::regclass, 'attempts'::regclass)
),
blocks AS (
    SELECT block * $1::bigint AS lower, (block + 1) * $1::bigint AS upper
    FROM (SELECT coalesce(max(seq), 0) / $1::bigint AS last FROM events) AS log
    CROSS JOIN LATERAL generate_series(last, last + 1) AS block
),
weeks AS (
    SELECT
        (date_trunc('week', now() AT TIME ZONE 'UTC') + week * interval '7 days') AT TIME ZONE 'UTC' AS lower,
        (date_trunc('week', now() AT TIME ZONE 'UTC') + (week + 1) * interval '7 days') AT TIME ZONE 'UTC' AS upper
    FROM generate_series(0, $2::integer) AS week
)
SELECT 'events' AS parent, 'events_from_' || lower AS name, lower::text, upper::text
FROM blocks
WHERE 'events_from_' || lower NOT IN (SELECT name FROM known)
    AND NOT EXISTS (SELECT FROM events_default WHERE seq >= lower AND seq < upper)
UNION ALL
SELECT 'attempts', named.name, lower::text, upper::text
FROM weeks
CROSS JOIN LATERAL (SELECT 'attempts_from_' || to_char(lower AT TIME ZONE 'UTC', 'YYYYMMDD') AS name) AS named
WHERE named.name NOT IN (SELECT name FROM known)
    AND NOT EXISTS (SELECT FROM attempts_default WHERE created_at >= lower AND created_at < upper)
