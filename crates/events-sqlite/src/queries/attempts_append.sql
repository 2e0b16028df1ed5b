INSERT INTO attempts (
    delivery_id, seq, handler, target, number, outcome, final, status, duration_ms, error_class, error, response,
    detail, created_at
)
SELECT * FROM (VALUES {rows}) WHERE column1 IS NOT NULL
