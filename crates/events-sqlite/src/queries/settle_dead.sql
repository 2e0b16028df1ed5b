-- Keeps what failed for good, with everything that brings it back.
-- ?1: [[delivery_id, attempts, reason_class, reason, created_at], …]
INSERT INTO dead_letters (
    delivery_id, seq, handler, target, attempts, lease, cancel_key, guard, reason_class, reason, created_at
)
SELECT
    delivery_id, seq, handler, target, given.value ->> 1, lease, cancel_key, guard, given.value ->> 2,
    given.value ->> 3, given.value ->> 4
FROM json_each(?1) AS given
CROSS JOIN deliveries ON delivery_id = given.value ->> 0
