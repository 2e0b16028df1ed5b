-- Leases due deliveries of handler $1 at $2, at most $3, until $4 to worker $5, and reads their events; in no order, but
-- with the place of each among the targets: a sort would carry the events along.
-- A greater lease fences out whoever held them before. It grows by a random step: a claim that a loss of power
-- takes back and the one that follows it differ, so that the first worker is fenced out all the same.
-- Of the targets $6 as many as $7 says may be given out, of the others $8.
--
-- Nobody waits for anybody here: what another claim holds at this moment is passed over, deliveries and
-- targets alike.
WITH ready AS MATERIALIZED (
    -- Targets that have something due and are neither paused nor disabled: the first of every organization, then the
    -- second of every organization, and so on; who waits longest is first.
    -- Nothing waits that is due before `first_due_at`, so what was there and is gone is not looked at again.
    SELECT
        target, changes, first_due_at, allowance, organization_id, turn,
        row_number() OVER (ORDER BY turn, ready_at, target) AS place
    FROM (
        SELECT *, row_number() OVER (PARTITION BY organization_id ORDER BY ready_at, target) AS turn
        FROM (
            SELECT
                target, changes, first_due_at, ready_at,
                coalesce(($7::bigint[])[array_position($6::text[], target)], $8::bigint) AS allowance
            FROM target_states
            WHERE handler = $1 AND ready_at <= $2
                AND coalesce(($7::bigint[])[array_position($6::text[], target)], $8::bigint) > 0
            ORDER BY ready_at, target
            LIMIT greatest($3::bigint, 1024)
        ) AS longest
        LEFT JOIN LATERAL (
            SELECT organization_id FROM target_organizations
            WHERE target_organizations.handler = $1 AND target_organizations.target = longest.target
            LIMIT 1 -- looks up row by row, whatever the planner believes
        ) AS theirs ON true
    ) AS waiting
    ORDER BY turn, ready_at, target
    LIMIT $3::bigint
),
fair AS MATERIALIZED (
    -- The same for each organization, and of that the same for each of its targets.
    SELECT
        place, target, first_due_at, allowance,
        CASE WHEN turn <= of_organization THEN greatest(of_organization / targets, 1) ELSE 0 END AS share
    FROM (
        SELECT
            *, $3::bigint / count(*) FILTER (WHERE turn = 1) OVER () AS of_organization,
            count(*) OVER (PARTITION BY organization_id) AS targets
        FROM ready
    ) AS ready
    -- The commit does not wait for the disk (docs/decisions/0021-claims-do-not-wait-for-the-disk.md).
    CROSS JOIN set_config('synchronous_commit', 'off', true)
),
shares AS MATERIALIZED (
    SELECT place, target, allowance, share, due_at, delivery_id, tid, nth
    FROM fair
    CROSS JOIN LATERAL (
        SELECT *, row_number() OVER () AS nth -- as they come
        FROM (
            SELECT due_at, delivery_id, ctid AS tid FROM deliveries
            WHERE handler = $1 AND deliveries.target = fair.target AND lease_until IS NULL
                AND due_at <= $2 AND due_at >= fair.first_due_at
            ORDER BY due_at, delivery_id
            LIMIT least(share, allowance)
            FOR UPDATE SKIP LOCKED
        ) AS due
    ) AS due
),
more AS MATERIALIZED (
    -- What some leave goes to the first that have more: each is asked until there is no room left.
    SELECT place, due.delivery_id, due.tid
    FROM (
        SELECT place, target, due_at AS after_due_at, delivery_id AS after_delivery_id, allowance - share AS allowance
        FROM shares
        WHERE nth = share AND allowance > share
        UNION ALL
        SELECT place, target, first_due_at, 0, allowance FROM fair WHERE share = 0
        ORDER BY place
    ) AS full_share
    CROSS JOIN LATERAL (
        SELECT delivery_id, ctid AS tid FROM deliveries
        WHERE handler = $1 AND deliveries.target = full_share.target AND lease_until IS NULL
            AND due_at <= $2 AND (due_at, delivery_id) > (after_due_at, after_delivery_id)
        ORDER BY due_at, delivery_id
        LIMIT least($3::bigint, full_share.allowance)
        FOR UPDATE SKIP LOCKED
    ) AS due
    LIMIT (SELECT $3::bigint - count(*) FROM shares)
),
chosen AS NOT MATERIALIZED (
    SELECT place, delivery_id, tid FROM shares UNION ALL SELECT place, delivery_id, tid FROM more
),
claimed AS MATERIALIZED (
    -- What we have locked stays where it is, so it is found there without an index.
    UPDATE deliveries
    SET attempts = attempts + 1, lease = lease + 1 + (random() * 1e9)::bigint, lease_until = $4, worker = $5
    WHERE ctid = ANY (ARRAY(SELECT tid FROM chosen))
    RETURNING delivery_id, seq, target, due_at, attempts, lease, guard
),
noted AS (
    -- For whoever looks after leases that end. PostgreSQL would compress rows of 2 kB, at the price of a
    -- fifteenth of a claim.
    INSERT INTO claims (look_at, deliveries)
    SELECT $4, ids[first:first + 199]
    FROM (SELECT array_agg(delivery_id) AS ids FROM claimed) AS claimed
    CROSS JOIN LATERAL generate_series(1, cardinality(ids), 200) AS first
),
waiting AS MATERIALIZED (
    -- When the first of what is left for each target is due.
    SELECT
        target, changes,
        (
            SELECT due_at FROM deliveries
            WHERE handler = $1 AND deliveries.target = ready.target AND lease_until IS NULL
                AND due_at >= ready.first_due_at
                AND delivery_id NOT IN (SELECT delivery_id FROM claimed)
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
        SELECT unchanged.ctid, waiting.first_due_at
        FROM waiting
        CROSS JOIN LATERAL (
            SELECT ctid FROM target_states
            WHERE handler = $1 AND target_states.target = waiting.target
                AND target_states.changes = waiting.changes
                AND target_states.first_due_at IS DISTINCT FROM waiting.first_due_at
            LIMIT 1 -- looks up row by row, whatever the planner believes
            FOR UPDATE SKIP LOCKED
        ) AS unchanged
    ) AS free
    WHERE target_states.ctid = free.ctid
)
SELECT
    place, delivery_id, target, due_at, attempts, lease, guard, claimed.seq AS event_seq, event.*
FROM (
    -- A full join is made with a hash, whatever the planner believes; else it may compare each with each.
    SELECT place, delivery_id, claimed.seq, target, due_at, attempts, lease, guard
    FROM claimed FULL JOIN chosen USING (delivery_id)
    OFFSET 0
) AS claimed
LEFT JOIN LATERAL (SELECT * FROM events WHERE events.seq = claimed.seq LIMIT 1) AS event ON true -- row by row
WHERE claimed.target IS NOT NULL
