-- The store's own connections fill the outbox in the statement that stores events, which costs less than a trigger. It is
-- for everybody else: for plain SQL, and for events that are stored in an application's transaction.
DROP TRIGGER events_are_routed ON events;
CREATE TRIGGER events_are_routed AFTER INSERT ON events
REFERENCING NEW TABLE AS inserted FOR EACH STATEMENT
WHEN (current_setting('events.fills_outbox', true) IS DISTINCT FROM 'on')
EXECUTE FUNCTION events_are_routed();
