-- What routes events names its tables with their schema. It set the search path before, for each statement that stored
-- events; that cost more than an event's own row.
DO $migration$
BEGIN
    EXECUTE format(
        $text$
        CREATE OR REPLACE FUNCTION %1$I.events_are_routed() RETURNS trigger LANGUAGE plpgsql AS $body$
        BEGIN
            INSERT INTO %1$I.event_ids (event_id, seq) SELECT event_id, seq FROM inserted ORDER BY event_id;
            INSERT INTO %1$I.event_keys (organization_id, idempotency_key, seq, created_at)
            SELECT coalesce(organization_id, ''), idempotency_key, seq, created_at
            FROM inserted
            WHERE idempotency_key IS NOT NULL
            ORDER BY 1, 2;
            INSERT INTO %1$I.outbox (seq) SELECT seq FROM inserted;
            RETURN NULL;
        END
        $body$
        $text$,
        current_schema()
    );
END
$migration$;
