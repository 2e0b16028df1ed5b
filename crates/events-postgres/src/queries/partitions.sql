-- The partitions of a table, with the end of their range; the one without bounds first.
SELECT name, upper, bytes
FROM (
    SELECT
        relname::text AS name, pg_total_relation_size(pg_class.oid) AS bytes, pg_class.oid,
        substring(pg_get_expr(relpartbound, pg_class.oid) FROM $$TO \('([^']+)'\)$$) AS upper
    FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
    WHERE inhparent = $1::text::regclass
) AS partitions
ORDER BY upper IS NOT NULL, length(name), name
