-- Takes events off the list of unrouted ones; whoever comes second finds nothing.
DELETE FROM outbox WHERE seq IN (SELECT value FROM json_each(?)) RETURNING seq
