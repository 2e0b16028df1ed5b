-- Statistics: counts by day (docs/decisions/0025-statistics-are-counted-in-steps.md).

-- Up to where attempts and events are counted: one row. What is counted and this are changed in one commit.
CREATE TABLE counts_position (
    attempts INTEGER NOT NULL,
    events   INTEGER NOT NULL
) STRICT;

-- What was stored before begins to be counted at once.
INSERT INTO counts_position (attempts, events)
SELECT (SELECT ifnull(min(attempt_id), 1) - 1 FROM attempts), (SELECT ifnull(min(seq), 1) - 1 FROM events);

-- Attempts by handler and day, of all, of an organization's events, or at a target. `day` counts from 1970-01-01 UTC.
-- `latencies` are counts of calls by groups of how long they took, a JSON array.
CREATE TABLE attempt_counts (
    handler     TEXT    NOT NULL,
    scope       TEXT    NOT NULL,
    name        TEXT    NOT NULL,
    day         INTEGER NOT NULL,
    succeeded   INTEGER NOT NULL,
    failed      INTEGER NOT NULL,
    dead        INTEGER NOT NULL,
    dropped     INTEGER NOT NULL,
    retries     INTEGER NOT NULL,
    duration_ms INTEGER NOT NULL,
    latencies   TEXT    NOT NULL,
    CONSTRAINT scope_is_known CHECK (scope IN ('all', 'organization', 'target')),
    CONSTRAINT latencies_is_a_json_array CHECK (json_valid(latencies) AND json_type(latencies) = 'array'),
    PRIMARY KEY (handler, scope, name, day)
) STRICT, WITHOUT ROWID;

CREATE INDEX idx_attempt_counts_day ON attempt_counts (day);

-- Events by day; '' stands for all of them.
CREATE TABLE event_counts (
    organization_id TEXT    NOT NULL,
    day             INTEGER NOT NULL,
    count           INTEGER NOT NULL,
    PRIMARY KEY (organization_id, day)
) STRICT, WITHOUT ROWID;

CREATE INDEX idx_event_counts_day ON event_counts (day);
