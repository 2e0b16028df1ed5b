-- Begins or renews a term, unless that of somebody else goes on.
INSERT INTO leases (task, leader, until) VALUES (?1, ?2, ?3)
ON CONFLICT (task) DO UPDATE SET leader = excluded.leader, until = excluded.until
WHERE leader = excluded.leader OR until <= ?4
