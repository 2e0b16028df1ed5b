-- Who leads a task that one process does for all, and until when.
CREATE TABLE leases (
    task   TEXT    PRIMARY KEY,
    leader TEXT    NOT NULL,
    until  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
