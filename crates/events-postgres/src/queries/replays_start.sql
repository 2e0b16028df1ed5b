-- Stores a job, unless there is one with its id.
INSERT INTO replays (
    replay_id, kind, organization_id, subscription_id, event_types, since, until, rate, state, reason, first_position,
    position, last_position, total, made, created_by, created_at, updated_at, ended_at
)
VALUES ($1, $2, $3, $4, $5::text::json, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)
ON CONFLICT (replay_id) DO NOTHING
RETURNING number
