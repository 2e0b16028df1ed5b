-- A delivery that waits is due at ?2, or earlier if it was.
UPDATE deliveries SET due_at = min(due_at, ?2) WHERE delivery_id = ?1
