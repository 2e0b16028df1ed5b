SELECT events.* FROM outbox CROSS JOIN events USING (seq) ORDER BY outbox.seq LIMIT ?1 + 0
