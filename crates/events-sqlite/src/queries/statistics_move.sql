-- Moves the position from ?1, ?2 to ?3, ?4, unless somebody has moved it.
UPDATE counts_position SET attempts = ?3, events = ?4 WHERE attempts = ?1 AND events = ?2
