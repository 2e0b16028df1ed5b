-- The events at these places in the log.
SELECT * FROM events WHERE seq IN (SELECT value FROM json_each(?1))
