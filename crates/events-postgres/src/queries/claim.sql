-- Leases due deliveries of handler $1 at $2, at most $3, until $4 to worker $5, and reads their events.
-- A greater lease fences out whoever held them before.
--
-- Nobody waits for anybody here: what another claim holds at this moment is passed over, deliveries and
-- targets alike.
WITH ready AS MATERIALIZED (
    -- Targets that have something due and are neither paused nor disabled; who waits longest is first.
    SELECT target, changes, row_number() OVER (ORDER BY ready_at, target) AS place
    FROM target_states
    WHERE handler = $1 AND ready_at <= $2
    ORDER BY ready_at, target
    LIMIT $3::bigint
),
first AS MATERIALIZED (
    -- An equal share for each; one more tells who has more.
    SELECT
        place, target, share,
        (
            SELECT count(*) FROM (
                SELECT FROM deliveries
                WHERE handler = $1 AND deliveries.target = ready.target AND lease_until IS NULL AND due_at <= $2
                LIMIT share + 1
            ) AS due
        ) AS due
    FROM ready
    CROSS JOIN (SELECT greatest($3::bigint / greatest(count(*), 1), 1) AS share FROM ready) AS fair
),
counted AS MATERIALIZED (
    SELECT
        place, target, least(due, share) AS given, room,
        CASE WHEN due > share AND room > 0 THEN (
            SELECT count(*) FROM (
                SELECT FROM deliveries
                WHERE handler = $1 AND deliveries.target = first.target AND lease_until IS NULL AND due_at <= $2
                OFFSET share LIMIT room
            ) AS due
        ) ELSE 0 END AS more
    FROM first
    CROSS JOIN (SELECT $3::bigint - coalesce(sum(least(due, share)), 0)::bigint AS room FROM first) AS rest
),
quotas AS MATERIALIZED (
    -- What room is left goes to the first that have more.
    SELECT place, target, given + greatest(least(more, room - taken), 0) AS quota
    FROM (
        SELECT
            counted.*,
            coalesce(sum(more) OVER (ORDER BY place ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0)::bigint AS taken
        FROM counted
    ) AS shared
),
chosen AS MATERIALIZED (
    SELECT place, delivery_id
    FROM quotas
    CROSS JOIN LATERAL (
        SELECT delivery_id FROM deliveries
        WHERE handler = $1 AND deliveries.target = quotas.target AND lease_until IS NULL AND due_at <= $2
        ORDER BY due_at, delivery_id
        LIMIT quota
        FOR UPDATE SKIP LOCKED
    ) AS due
),
claimed AS MATERIALIZED (
    UPDATE deliveries
    SET attempts = attempts + 1, lease = lease + 1, lease_until = $4, worker = $5
    WHERE delivery_id = ANY (ARRAY(SELECT delivery_id FROM chosen))
    RETURNING delivery_id, seq, target, due_at, attempts, lease, guard
),
waiting AS MATERIALIZED (
    -- When the first of what is left for each target is due.
    SELECT
        target, changes,
        (
            SELECT due_at FROM deliveries
            WHERE handler = $1 AND deliveries.target = ready.target AND lease_until IS NULL
                AND delivery_id <> ALL (ARRAY(SELECT delivery_id FROM claimed))
            ORDER BY due_at
            LIMIT 1
        ) AS first_due_at
    FROM ready
),
raised AS (
    -- A target that somebody changes just now, or has changed since we looked, keeps its time: too early
    -- costs a look, too late would hide what was added.
    UPDATE target_states
    SET first_due_at = free.first_due_at
    FROM (
        SELECT waiting.target, waiting.first_due_at
        FROM waiting
        CROSS JOIN LATERAL (
            SELECT FROM target_states
            WHERE handler = $1 AND target_states.target = waiting.target
                AND target_states.changes = waiting.changes
                AND target_states.first_due_at IS DISTINCT FROM waiting.first_due_at
            LIMIT 1 -- looks up row by row, whatever the planner believes
            FOR UPDATE SKIP LOCKED
        ) AS unchanged
    ) AS free
    WHERE handler = $1 AND target_states.target = free.target
        AND target_states.target = ANY (ARRAY(SELECT target FROM waiting))
)
SELECT claimed.delivery_id, claimed.target, claimed.due_at, claimed.attempts, claimed.lease, claimed.guard,
    claimed.seq AS event_seq, events.*
FROM claimed JOIN chosen USING (delivery_id) LEFT JOIN events ON events.seq = claimed.seq
ORDER BY place, due_at, delivery_id
