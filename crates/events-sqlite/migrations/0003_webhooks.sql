-- Webhook subscriptions, and the routes that follow from them.

-- Which state of the stored routes. Whoever changes them makes it grow, in the same commit; routers read it together
-- with the events that they route (docs/decisions/0022-stored-routes-have-a-version.md).
CREATE TABLE routes_version (
    version INTEGER NOT NULL
) STRICT;

INSERT INTO routes_version (version) VALUES (0);

CREATE TRIGGER routes_version_is_one BEFORE INSERT ON routes_version BEGIN
    SELECT RAISE(ABORT, 'there is one version of the stored routes');
END;

CREATE TRIGGER routes_version_never_goes BEFORE DELETE ON routes_version BEGIN
    SELECT RAISE(ABORT, 'the version of the stored routes cannot be deleted');
END;

-- Customers' endpoints. `number` is the order in which they were made. Values of headers are sealed:
-- [[name, hexadecimal], …]. `retry` is a list of pauses in milliseconds.
CREATE TABLE webhook_subscriptions (
    number           INTEGER PRIMARY KEY AUTOINCREMENT,
    subscription_id  BLOB    NOT NULL UNIQUE,
    organization_id  TEXT,
    url              TEXT    NOT NULL,
    events           TEXT    NOT NULL,
    filter           TEXT,
    description      TEXT    NOT NULL DEFAULT '',
    headers          TEXT    NOT NULL DEFAULT '[]',
    retry            TEXT,
    timeout_ms       INTEGER,
    rate_interval_us INTEGER,
    rate_burst       INTEGER,
    format           TEXT    NOT NULL DEFAULT 'standard',
    signing          TEXT    NOT NULL DEFAULT 'v1',
    status           TEXT    NOT NULL DEFAULT 'enabled',
    disabled_reason  TEXT,
    disabled_at      INTEGER,
    verified_at      INTEGER,
    failing_since    INTEGER,
    notices          INTEGER NOT NULL DEFAULT 0,
    revision         INTEGER NOT NULL DEFAULT 1,
    created_at       INTEGER NOT NULL,
    updated_at       INTEGER NOT NULL,
    CONSTRAINT subscription_id_is_a_uuid CHECK (length(subscription_id) = 16),
    CONSTRAINT events_is_a_json_array CHECK (json_valid(events) AND json_type(events) = 'array'),
    CONSTRAINT filter_is_a_json_object CHECK (filter IS NULL OR (json_valid(filter) AND json_type(filter) = 'object')),
    CONSTRAINT format_is_known CHECK (format IN ('standard', 'cloudevents_structured', 'cloudevents_binary')),
    CONSTRAINT signing_is_known CHECK (signing IN ('v1', 'v1a')),
    CONSTRAINT status_is_known CHECK (status IN ('enabled', 'paused', 'disabled')),
    CONSTRAINT what_is_disabled_says_why_and_when CHECK (
        (status = 'disabled') = (disabled_reason IS NOT NULL) AND (status = 'disabled') = (disabled_at IS NOT NULL)
    )
) STRICT;

CREATE INDEX idx_webhook_subscriptions_organization ON webhook_subscriptions (organization_id);

-- The routes that follow from subscriptions: of those that get deliveries.
CREATE VIEW webhook_routes AS
SELECT number, subscription_id, organization_id, events, filter
FROM webhook_subscriptions
WHERE status <> 'disabled' AND verified_at IS NOT NULL;

CREATE TRIGGER a_subscription_adds_a_route AFTER INSERT ON webhook_subscriptions
WHEN NEW.status <> 'disabled' AND NEW.verified_at IS NOT NULL
BEGIN
    UPDATE routes_version SET version = version + 1;
END;

CREATE TRIGGER a_subscription_takes_its_route_away AFTER DELETE ON webhook_subscriptions
WHEN OLD.status <> 'disabled' AND OLD.verified_at IS NOT NULL
BEGIN
    UPDATE routes_version SET version = version + 1;
END;

CREATE TRIGGER a_subscription_changes_its_route
AFTER UPDATE OF subscription_id, organization_id, events, filter, status, verified_at ON webhook_subscriptions
WHEN (OLD.status <> 'disabled' AND OLD.verified_at IS NOT NULL)
    <> (NEW.status <> 'disabled' AND NEW.verified_at IS NOT NULL)
    OR (
        NEW.status <> 'disabled' AND NEW.verified_at IS NOT NULL
        AND (OLD.subscription_id, OLD.organization_id, OLD.events, OLD.filter)
        IS NOT (NEW.subscription_id, NEW.organization_id, NEW.events, NEW.filter)
    )
BEGIN
    UPDATE routes_version SET version = version + 1;
END;

-- What deliveries are signed with, sealed. The newest has no end.
CREATE TABLE webhook_secrets (
    number          INTEGER PRIMARY KEY AUTOINCREMENT,
    secret_id       BLOB    NOT NULL UNIQUE,
    subscription_id BLOB    NOT NULL,
    scheme          TEXT    NOT NULL,
    key_id          TEXT    NOT NULL,
    sealed          BLOB    NOT NULL,
    public_key      BLOB,
    created_at      INTEGER NOT NULL,
    expires_at      INTEGER
) STRICT;

CREATE INDEX idx_webhook_secrets_subscription_id ON webhook_secrets (subscription_id);
CREATE UNIQUE INDEX idx_webhook_secrets_current ON webhook_secrets (subscription_id) WHERE expires_at IS NULL;

CREATE TRIGGER a_subscription_takes_its_secrets_away AFTER DELETE ON webhook_subscriptions BEGIN
    DELETE FROM webhook_secrets WHERE subscription_id = OLD.subscription_id;
END;
