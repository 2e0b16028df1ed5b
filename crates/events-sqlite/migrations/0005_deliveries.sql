-- Lists of deliveries, and jobs that make deliveries again.

-- Lists of ended deliveries, of one target and of those that failed for good, cost the same however many attempts are
-- stored (docs/decisions/0023-indexes-of-ended-deliveries.md). A claim changes none of these; a try that is not the last
-- costs none of them an entry, and one that succeeds costs the first of them one.
CREATE INDEX idx_attempts_target ON attempts (target, delivery_id) WHERE final;
CREATE INDEX idx_attempts_dead ON attempts (delivery_id) WHERE outcome = 'dead';
CREATE INDEX idx_attempts_dead_target ON attempts (target, delivery_id) WHERE outcome = 'dead';

-- What is to be recovered for a target.
CREATE INDEX idx_dead_letters_target ON dead_letters (target, delivery_id);

-- Jobs that make deliveries again. `position` is what a job has done already, from `first_position` to `last_position`:
-- places in the log for a replay, ids of deliveries, downwards, for a recovery. Deliveries are made in the commit that
-- moves it, so that none is made twice.
CREATE TABLE replays (
    number          INTEGER PRIMARY KEY AUTOINCREMENT,
    replay_id       BLOB NOT NULL UNIQUE,
    kind            TEXT NOT NULL,
    organization_id TEXT,
    subscription_id BLOB NOT NULL,
    event_types     TEXT NOT NULL DEFAULT '[]',
    since           INTEGER NOT NULL,
    until           INTEGER NOT NULL,
    rate            INTEGER NOT NULL,
    state           TEXT NOT NULL,
    reason          TEXT,
    first_position  INTEGER NOT NULL,
    position        INTEGER NOT NULL,
    last_position   INTEGER NOT NULL,
    total           INTEGER,
    made            INTEGER NOT NULL DEFAULT 0,
    created_by      TEXT NOT NULL,
    created_at      INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL,
    ended_at        INTEGER,
    CONSTRAINT kind_is_known CHECK (kind IN ('recover', 'replay')),
    CONSTRAINT state_is_known CHECK (state IN ('running', 'done', 'cancelled', 'failed'))
) STRICT;

-- The runner looks every second whether there are any.
CREATE INDEX idx_replays_running ON replays (number) WHERE state = 'running';
CREATE INDEX idx_replays_subscription ON replays (subscription_id, number);
