-- Moves job ?1 to position ?2, at ?3, having made ?4 more deliveries; ?5 says whether it is done then.
UPDATE replays
SET
    position = ?2,
    made = made + ?4,
    updated_at = ?3,
    state = iif(?5, 'done', state),
    ended_at = iif(?5, ?3, NULL)
WHERE number = ?1
RETURNING *
