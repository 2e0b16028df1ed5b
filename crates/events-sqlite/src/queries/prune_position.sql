-- Numbers of attempts begin anew where the last ones are gone, and counting has to begin there, too.
UPDATE counts_position
SET attempts = min(attempts, ifnull((SELECT max(attempt_id) FROM attempts), 0))
WHERE attempts > ifnull((SELECT max(attempt_id) FROM attempts), 0)
