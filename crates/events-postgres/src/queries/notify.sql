-- Nobody relies on a notification, so the commit that sends it does not wait for the disk.
SELECT pg_notify($1, payload) FROM set_config('synchronous_commit', 'off', true) CROSS JOIN unnest($2::text[]) AS payload
