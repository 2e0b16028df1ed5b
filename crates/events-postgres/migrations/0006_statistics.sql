-- Statistics: counts by day (docs/decisions/0025-statistics-are-counted-in-steps.md).

-- Attempts are counted in the order of their numbers. The summary of ranges by time knows the numbers, too: a second
-- column in it costs a settlement nothing that could be measured, while a tree of numbers would cost it an entry for each
-- attempt. Ranges are summarized as they are filled, so that a reader of the newest attempts looks at few pages.
DROP INDEX idx_attempts_created_at;
CREATE INDEX idx_attempts_created_at ON attempts
USING brin (created_at, attempt_id) WITH (pages_per_range = 32, autosummarize = on);

-- Up to where attempts and events are counted: one row. What is counted and this are changed in one statement.
CREATE TABLE counts_position (
    attempts bigint  NOT NULL,
    events   bigint  NOT NULL,
    one      boolean PRIMARY KEY DEFAULT true CHECK (one)
) WITH (fillfactor = 20);

-- What was stored before begins to be counted at once.
INSERT INTO counts_position (attempts, events)
SELECT
    (SELECT coalesce(min(attempt_id), 1) - 1 FROM attempts),
    (SELECT coalesce(min(seq), 1) - 1 FROM events);

-- Attempts by handler and day, of all, of an organization's events, or at a target. `day` counts from 1970-01-01 UTC.
-- `latencies` are counts of calls by groups of how long they took.
CREATE TABLE attempt_counts (
    handler     text     COLLATE "C" NOT NULL,
    scope       text     COLLATE "C" NOT NULL,
    name        text     COLLATE "C" NOT NULL,
    day         bigint   NOT NULL,
    succeeded   bigint   NOT NULL,
    failed      bigint   NOT NULL,
    dead        bigint   NOT NULL,
    dropped     bigint   NOT NULL,
    retries     bigint   NOT NULL,
    duration_ms bigint   NOT NULL,
    latencies   bigint[] NOT NULL,
    CONSTRAINT scope_is_known CHECK (scope IN ('all', 'organization', 'target')),
    PRIMARY KEY (handler, scope, name, day)
) WITH (fillfactor = 70);

CREATE INDEX idx_attempt_counts_day ON attempt_counts (day);

-- Events by day; '' stands for all of them.
CREATE TABLE event_counts (
    organization_id text   COLLATE "C" NOT NULL,
    day             bigint NOT NULL,
    count           bigint NOT NULL,
    PRIMARY KEY (organization_id, day)
) WITH (fillfactor = 70);

CREATE INDEX idx_event_counts_day ON event_counts (day);
