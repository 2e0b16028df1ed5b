SELECT events.* FROM outbox JOIN events USING (seq) ORDER BY outbox.seq LIMIT $1
