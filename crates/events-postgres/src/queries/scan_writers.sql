-- The transactions that may have drawn a place in the log and not committed yet: whoever writes to the
-- table of events holds a lock on it, from before it draws a place until its commit can be seen.
SELECT DISTINCT virtualtransaction
FROM pg_locks
WHERE locktype = 'relation'
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND relation IN (
        SELECT $1::text::regclass::oid UNION ALL SELECT inhrelid FROM pg_inherits WHERE inhparent = $1::text::regclass
    )
    AND mode NOT IN ('AccessShareLock', 'RowShareLock', 'ShareUpdateExclusiveLock')
    AND granted
