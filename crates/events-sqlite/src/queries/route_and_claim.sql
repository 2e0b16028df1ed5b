-- As route.sql, and leases what is offered to a lane that waits, unless something else that is due waits for its target, or
-- that rests.
INSERT INTO deliveries (seq, handler, target, due_at, cancel_key, guard, lease_until, worker, attempts, lease)
SELECT
    column1, column2, column3, column4, column5, column6,
    iif(is_leased, column7, NULL), iif(is_leased, column8, NULL), is_leased, is_leased
FROM (
    SELECT given.*, column7 IS NOT NULL AND busy.target IS NULL AS is_leased
    FROM (VALUES {rows}) AS given
    CROSS JOIN (SELECT ? AS now)
    LEFT JOIN target_states AS busy
        ON busy.handler = column2
        AND busy.target = column3
        AND (ready_at <= now OR paused_until > now OR not_before > now OR disabled_at IS NOT NULL)
    WHERE column1 IN (SELECT seq FROM outbox)
)
RETURNING delivery_id, lease
