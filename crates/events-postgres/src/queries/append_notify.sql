-- Wakes routers when the transaction that this is part of commits.
SELECT pg_notify($1, 'outbox')
