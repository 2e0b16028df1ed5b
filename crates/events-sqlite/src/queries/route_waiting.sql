-- Which of these events nobody has routed yet.
SELECT seq FROM outbox WHERE seq IN (SELECT value FROM json_each(?1))
