DELETE FROM leases WHERE task = $1 AND leader = $2
