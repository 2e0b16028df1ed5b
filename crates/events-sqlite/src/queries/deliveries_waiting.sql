-- How many deliveries wait for a handler, or for one of its targets, as far as ?3.
SELECT count(*) FROM (SELECT 1 FROM deliveries WHERE handler = ?1{of_target} LIMIT ?3 + 0)
