-- Events, deliveries and their progress.
--
-- Times are integer microseconds since 1970, UTC. Ids of events are the 16 bytes of the UUID.
-- Everything that a hot statement touches is narrow; what people read about the past lies in
-- `events`, `attempts` and `dead_letters`.

-- What happened. Rows are never changed and never removed. `seq` is the position in the log; every
-- index of SQLite ends in it, so the newest rows of a value come first for free.
--
-- The checks are for rows that come by plain SQL: one event that cannot be read would hold up the
-- router for all that follow. They are the rules of the program, which never runs into them.
CREATE TABLE events (
    seq             INTEGER PRIMARY KEY AUTOINCREMENT,
    event_id        BLOB    NOT NULL DEFAULT (randomblob(16)),
    event_type      TEXT    NOT NULL,
    event_version   TEXT    NOT NULL DEFAULT '1.0.0',
    occurred_at     INTEGER NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000000 AS INTEGER)),
    created_at      INTEGER NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000000 AS INTEGER)),
    actor           TEXT,
    actor_type      TEXT,
    organization_id TEXT,
    payload         TEXT    NOT NULL,
    metadata        TEXT    NOT NULL DEFAULT '{}',
    idempotency_key TEXT,
    CONSTRAINT event_id_is_a_uuid CHECK (length(event_id) = 16),
    CONSTRAINT event_type_is_lower_snake_case_segments_with_dots CHECK (
        event_type GLOB '[a-z]*.[a-z]*'
        AND event_type NOT GLOB '*[^a-z0-9_.]*'
        AND event_type NOT GLOB '*_[_.]*'
        AND event_type NOT GLOB '*.[^a-z]*'
        AND event_type NOT GLOB '*[_.]'
        AND length(event_type) <= 100
    ),
    CONSTRAINT times_are_microseconds_before_the_year_10000 CHECK (
        abs(occurred_at) < 253402207200000000 AND abs(created_at) < 253402207200000000
    ),
    CONSTRAINT payload_is_a_json_object CHECK (json_valid(payload) AND json_type(payload) = 'object'),
    CONSTRAINT metadata_is_a_json_object CHECK (json_valid(metadata) AND json_type(metadata) = 'object')
) STRICT;

CREATE UNIQUE INDEX idx_event_id ON events (event_id);
CREATE INDEX idx_event_type ON events (event_type);
CREATE INDEX idx_created_at ON events (created_at);

-- Actors and organizations come in any order, so an index on them alone would have every event
-- change another page of an ever larger tree. These begin with the part of the log, 16,384 events:
-- what is written stays within the newest part, and a reader looks through the parts of
-- `event_parts` from the newest back (docs/decisions/0012-sqlite-indexes.md).
CREATE INDEX idx_actor_events ON events (seq >> 14, actor) WHERE actor IS NOT NULL;
CREATE INDEX idx_org_events ON events (seq >> 14, organization_id) WHERE organization_id IS NOT NULL;

-- The parts of the log, for `WHERE seq >> 14 IN (SELECT part FROM event_parts) AND actor = …`.
CREATE VIEW event_parts AS
WITH RECURSIVE parts (part) AS (
    SELECT max(seq) >> 14 FROM events
    UNION ALL
    SELECT part - 1 FROM parts WHERE part > 0
)
SELECT part FROM parts;

-- Idempotency keys that still protect against publishing twice; '' stands for no organization.
CREATE TABLE event_keys (
    organization_id TEXT    NOT NULL,
    idempotency_key TEXT    NOT NULL,
    seq             INTEGER NOT NULL,
    created_at      INTEGER NOT NULL,
    PRIMARY KEY (organization_id, idempotency_key)
) STRICT, WITHOUT ROWID;

CREATE INDEX idx_event_keys_created_at ON event_keys (created_at);

-- Events that are not routed yet.
CREATE TABLE outbox (
    seq INTEGER PRIMARY KEY
) STRICT;

-- Whoever inserts an event, the router finds it, and its key is kept. One trigger, because each
-- costs a publisher as much as an index.
CREATE TRIGGER events_are_routed AFTER INSERT ON events BEGIN
    INSERT INTO outbox (seq) VALUES (NEW.seq);
    INSERT INTO event_keys (organization_id, idempotency_key, seq, created_at)
    SELECT ifnull(NEW.organization_id, ''), NEW.idempotency_key, NEW.seq, NEW.created_at
    WHERE NEW.idempotency_key IS NOT NULL;
END;

CREATE TRIGGER events_never_change BEFORE UPDATE ON events BEGIN
    SELECT RAISE(ABORT, 'events are immutable: publish another event that corrects this one');
END;

CREATE TRIGGER events_never_go BEFORE DELETE ON events BEGIN
    SELECT RAISE(ABORT, 'events are immutable: they cannot be deleted');
END;

-- Deliveries that are not ended. `lease` only grows; `lease_until` is set while a worker has it.
-- Leased ones stay in the index of due times, and a claim passes over them: they are few, and taking
-- them out and back in would change a page for each target with every claim.
CREATE TABLE deliveries (
    delivery_id INTEGER PRIMARY KEY AUTOINCREMENT,
    seq         INTEGER NOT NULL,
    handler     TEXT    NOT NULL,
    target      TEXT    NOT NULL,
    due_at      INTEGER NOT NULL,
    attempts    INTEGER NOT NULL DEFAULT 0,
    lease       INTEGER NOT NULL DEFAULT 0,
    lease_until INTEGER,
    worker      TEXT,
    cancel_key  TEXT,
    guard       TEXT
) STRICT;

CREATE INDEX idx_deliveries_due ON deliveries (handler, target, due_at);
CREATE INDEX idx_deliveries_leased ON deliveries (lease_until) WHERE lease_until IS NOT NULL;
CREATE INDEX idx_deliveries_seq ON deliveries (seq);
CREATE INDEX idx_deliveries_cancel_key ON deliveries (cancel_key) WHERE cancel_key IS NOT NULL;

-- Every try at a delivery. Appended, never changed, removed when it is old.
CREATE TABLE attempts (
    attempt_id  INTEGER PRIMARY KEY,
    delivery_id INTEGER NOT NULL,
    seq         INTEGER NOT NULL,
    handler     TEXT    NOT NULL,
    target      TEXT    NOT NULL,
    number      INTEGER NOT NULL,
    outcome     TEXT    NOT NULL,
    final       INTEGER NOT NULL,
    status      INTEGER,
    duration_ms INTEGER NOT NULL,
    error_class TEXT,
    error       TEXT,
    response    TEXT,
    created_at  INTEGER NOT NULL
) STRICT;

CREATE INDEX idx_attempts_delivery_id ON attempts (delivery_id);
CREATE INDEX idx_attempts_seq ON attempts (seq);
CREATE INDEX idx_attempts_created_at ON attempts (created_at);

CREATE TRIGGER attempts_never_change BEFORE UPDATE ON attempts BEGIN
    SELECT RAISE(ABORT, 'attempts are a record of what happened: they cannot be changed');
END;

-- Deliveries that failed for good, with everything that brings them back.
CREATE TABLE dead_letters (
    delivery_id  INTEGER PRIMARY KEY,
    seq          INTEGER NOT NULL,
    handler      TEXT    NOT NULL,
    target       TEXT    NOT NULL,
    attempts     INTEGER NOT NULL,
    lease        INTEGER NOT NULL,
    cancel_key   TEXT,
    guard        TEXT,
    reason_class TEXT    NOT NULL,
    reason       TEXT    NOT NULL,
    created_at   INTEGER NOT NULL
) STRICT;

CREATE INDEX idx_dead_letters_created_at ON dead_letters (created_at);

-- What is known about a target. `ready_at` is when something can next be claimed for it: the
-- latest of the first due time of what waits, `paused_until` and `not_before`; NULL when nothing
-- waits or the target is disabled. A pause, a pace, an outage and fairness are thereby one index
-- seek, however many deliveries wait. `paced_until` is the state of the handler's pacing.
CREATE TABLE target_states (
    handler         TEXT NOT NULL,
    target          TEXT NOT NULL,
    ready_at        INTEGER,
    paused_until    INTEGER,
    paced_until     INTEGER,
    not_before      INTEGER,
    disabled_at     INTEGER,
    disabled_reason TEXT,
    PRIMARY KEY (handler, target)
) STRICT, WITHOUT ROWID;

CREATE INDEX idx_target_states_ready ON target_states (handler, ready_at) WHERE ready_at IS NOT NULL;

-- Who may use the server; the key itself is not here.
CREATE TABLE api_keys (
    key_id          TEXT    PRIMARY KEY,
    hash            BLOB    NOT NULL UNIQUE,
    name            TEXT    NOT NULL,
    scopes          TEXT    NOT NULL,
    organization_id TEXT,
    created_at      INTEGER NOT NULL
) STRICT;

-- The progress of every event, computed, so that it is always true.
CREATE VIEW event_states AS
SELECT
    seq,
    event_id,
    processed,
    CASE WHEN processed THEN (SELECT max(created_at) FROM attempts WHERE attempts.seq = e.seq AND final) END
        AS processed_at,
    (SELECT count(*) FROM attempts WHERE attempts.seq = e.seq AND outcome IN ('retry', 'lost')) AS retry_count,
    (SELECT error FROM attempts WHERE attempts.seq = e.seq AND outcome IN ('retry', 'dead', 'lost')
     ORDER BY attempt_id DESC LIMIT 1) AS last_error
FROM (
    SELECT
        seq,
        event_id,
        NOT EXISTS (SELECT 1 FROM outbox WHERE outbox.seq = events.seq)
        AND NOT EXISTS (SELECT 1 FROM deliveries WHERE deliveries.seq = events.seq) AS processed
    FROM events
) AS e;
