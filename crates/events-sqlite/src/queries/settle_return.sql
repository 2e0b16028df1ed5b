-- Deliveries that wait again. ?1: [[delivery_id, due_at, attempts], …]
UPDATE deliveries
SET due_at = given.value ->> 1, attempts = given.value ->> 2, lease_until = NULL, worker = NULL
FROM json_each(?1) AS given
WHERE delivery_id = given.value ->> 0
