-- Takes or keeps the lead in $1 for holder $2 until $3, unless somebody else has it at $4.
INSERT INTO leases (name, holder, until) VALUES ($1, $2, $3)
ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until
WHERE leases.holder = excluded.holder OR leases.until <= $4
RETURNING holder
