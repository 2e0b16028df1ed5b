-- Whose targets are whose, so that claims are fair to organizations: a subscription is a target of its organization.
CREATE INDEX idx_webhook_subscriptions_target ON webhook_subscriptions ((subscription_id::text COLLATE "C"));

CREATE VIEW target_organizations AS
SELECT 'webhooks' AS handler, subscription_id::text COLLATE "C" AS target, organization_id FROM webhook_subscriptions;
