-- Where delivery ?1 stands, if it is of handler ?2 and organization ?3; what is NULL does not restrict.
SELECT outcome, seq, handler, target FROM (
    SELECT 1 AS rank, iif(lease_until IS NULL, 'made_due', 'under_way') AS outcome, seq, handler, target
    FROM deliveries
    WHERE delivery_id = ?1
    UNION ALL
    SELECT 2, 'redriven', seq, handler, target FROM dead_letters WHERE delivery_id = ?1
    UNION ALL
    SELECT * FROM (
        SELECT 3, 'made_anew', seq, handler, target FROM attempts
        WHERE delivery_id = ?1 AND final
        ORDER BY attempt_id DESC
        LIMIT 1
    )
    ORDER BY rank
    LIMIT 1
) AS found
WHERE (?2 IS NULL OR handler = ?2)
    AND (?3 IS NULL OR (SELECT organization_id FROM events WHERE events.seq = found.seq) = ?3)
