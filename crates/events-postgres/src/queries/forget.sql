-- Targets about which nothing is known any more need no row: mailboxes come and go by the million. $1: rests
-- and paces that ended before count no more.
WITH removed AS (
    DELETE FROM target_states
    WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM target_states
        WHERE first_due_at IS NULL
            AND disabled_at IS NULL
            AND (paused_until IS NULL OR paused_until < $1)
            AND (paced_until IS NULL OR paced_until < $1)
        LIMIT $2
        FOR UPDATE SKIP LOCKED
    ))
    RETURNING 1
)
SELECT count(*) AS removed FROM removed
