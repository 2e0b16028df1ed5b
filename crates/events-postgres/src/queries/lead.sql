-- Begins or renews a term, unless that of somebody else goes on.
INSERT INTO leases (task, leader, until) VALUES ($1, $2, $3)
ON CONFLICT (task) DO UPDATE SET leader = excluded.leader, until = excluded.until
WHERE leases.leader = excluded.leader OR leases.until <= $4
RETURNING leader
