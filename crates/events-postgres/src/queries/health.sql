SELECT
    split_part(current_setting('server_version'), ' ', 1) AS server_version,
    -- Of the role and the server; the store's connections may have their own.
    coalesce(
        (
            SELECT split_part(setting, '=', 2)
            FROM pg_db_role_setting
            CROSS JOIN unnest(setconfig) AS setting
            WHERE setting LIKE 'synchronous_commit=%'
                AND setrole IN (0, (SELECT oid FROM pg_roles WHERE rolname = current_user))
                AND setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
            ORDER BY setrole = 0, setdatabase = 0
            LIMIT 1
        ),
        (SELECT reset_val FROM pg_settings WHERE name = 'synchronous_commit')
    ) AS synchronous_commit,
    current_setting('fsync')::boolean AS fsync,
    current_setting('full_page_writes')::boolean AS full_page_writes,
    pg_is_in_recovery() AS is_standby,
    coalesce(oldest.age_ms, 0) AS oldest_transaction_ms,
    oldest.application_name AS oldest_transaction_of,
    (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend') AS connections,
    current_setting('max_connections')::bigint AS max_connections
FROM (SELECT 1) AS server
LEFT JOIN (
    SELECT (extract(epoch FROM clock_timestamp() - xact_start) * 1000)::bigint AS age_ms, application_name
    FROM pg_stat_activity
    WHERE datname = current_database() AND xact_start IS NOT NULL AND pid <> pg_backend_pid()
    ORDER BY xact_start
    LIMIT 1
) AS oldest ON true
