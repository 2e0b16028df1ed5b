-- Whose targets are whose, so that claims are fair to organizations: a subscription is a target of its organization.
ALTER TABLE webhook_subscriptions ADD COLUMN target TEXT GENERATED ALWAYS AS (
    lower(
        substr(hex(subscription_id), 1, 8) || '-' || substr(hex(subscription_id), 9, 4) || '-'
        || substr(hex(subscription_id), 13, 4) || '-' || substr(hex(subscription_id), 17, 4) || '-'
        || substr(hex(subscription_id), 21)
    )
) VIRTUAL;

CREATE INDEX idx_webhook_subscriptions_target ON webhook_subscriptions (target);

CREATE VIEW target_organizations AS
SELECT 'webhooks' AS handler, target, organization_id FROM webhook_subscriptions;
