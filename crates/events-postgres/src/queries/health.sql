SELECT
    split_part(current_setting('server_version'), ' ', 1) AS server_version,
    current_setting('fsync')::boolean AS fsync,
    current_setting('full_page_writes')::boolean AS full_page_writes,
    pg_is_in_recovery() AS is_standby,
    coalesce(oldest.age_ms, 0) AS oldest_transaction_ms,
    oldest.application_name AS oldest_transaction_of,
    -- Everybody may see these numbers, and not what sessions of other roles do.
    (SELECT sum(numbackends)::bigint FROM pg_stat_database) AS connections,
    pg_has_role('pg_read_all_stats', 'USAGE') AS sees_all_roles,
    current_setting('max_connections')::bigint AS max_connections
FROM (SELECT 1) AS server
LEFT JOIN (
    SELECT (extract(epoch FROM clock_timestamp() - xact_start) * 1000)::bigint AS age_ms, application_name
    FROM pg_stat_activity
    -- Cleaning up takes its time, and keeps nobody else from it.
    WHERE datname = current_database() AND backend_type = 'client backend' AND xact_start IS NOT NULL
        AND pid <> pg_backend_pid()
    ORDER BY xact_start
    LIMIT 1
) AS oldest ON true
