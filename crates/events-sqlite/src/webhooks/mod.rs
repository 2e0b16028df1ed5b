//! Webhook subscriptions, their secrets, and the routes that follow from them.

mod changes;
mod rows;

use async_trait::async_trait;
use events_core::{
    StoreError,
    ports::{Page, RoutesVersion, StoredRoutes, SubscriptionQuery, Updated, WebhookSubscriptions},
    routing::Route,
    webhooks::{Subscription, SubscriptionId, WebhookSecret},
};
use jiff::Timestamp;

use crate::{error::Failure, history::Filters, store::SqliteStore};

#[async_trait]
impl WebhookSubscriptions for SqliteStore {
    async fn create(&self, subscription: Subscription, secret: WebhookSecret) -> Result<bool, StoreError> {
        self.writer.run(changes::Create { subscription, secret }).await
    }

    async fn subscription(
        &self,
        subscription_id: SubscriptionId,
        organization_id: Option<&str>,
    ) -> Result<Option<Subscription>, StoreError> {
        let query = sqlx::query(include_str!("../queries/subscriptions_find.sql"))
            .bind(subscription_id.as_uuid().as_bytes().as_slice())
            .bind(organization_id);
        Ok(self.reader.all(query, rows::subscription).await?.pop())
    }

    async fn list(&self, query: SubscriptionQuery) -> Result<Page<Subscription>, StoreError> {
        let filters = list_filters(&query).map_err(|failure| failure.undone())?;
        let page = filters.page(&self.reader, query.page.limit, rows::numbered, |(number, _)| *number).await?;
        Ok(Page { items: page.items.into_iter().map(|(_, subscription)| subscription).collect(), next: page.next })
    }

    async fn update(&self, subscription: Subscription) -> Result<Updated, StoreError> {
        self.writer.run(changes::Update(subscription)).await
    }

    async fn delete(&self, subscription_id: SubscriptionId, organization_id: Option<&str>) -> Result<bool, StoreError> {
        let organization_id = organization_id.map(str::to_owned);
        self.writer.run(changes::Delete { subscription_id, organization_id }).await
    }

    async fn all(&self, after: Option<SubscriptionId>, limit: usize) -> Result<Vec<Subscription>, StoreError> {
        let after = after.map(|after| after.as_uuid().as_bytes().to_vec()).unwrap_or_default();
        let query = sqlx::query(include_str!("../queries/subscriptions_all.sql")).bind(after).bind(crate::count(limit));
        self.reader.all(query, rows::subscription).await
    }

    async fn secrets(&self, subscription_id: SubscriptionId) -> Result<Vec<WebhookSecret>, StoreError> {
        let query =
            sqlx::query(include_str!("../queries/secrets.sql")).bind(subscription_id.as_uuid().as_bytes().as_slice());
        self.reader.all(query, rows::secret).await
    }

    async fn add_secret(&self, secret: WebhookSecret, others_expire_at: Timestamp) -> Result<bool, StoreError> {
        self.writer.run(changes::AddSecret { secret, others_expire_at }).await
    }

    async fn note_health(
        &self,
        subscription_id: SubscriptionId,
        failing_since: Option<Timestamp>,
        notices: u8,
    ) -> Result<bool, StoreError> {
        self.writer.run(changes::NoteHealth { subscription_id, failing_since, notices }).await
    }
}

fn list_filters(query: &SubscriptionQuery) -> Result<Filters, Failure> {
    let mut filters = Filters::new(include_str!("../queries/subscriptions_list.sql"), &query.page)?;
    filters.and("number < {}", query.page.cursor)?;
    filters.and("organization_id = {}", query.organization_id.as_deref())?;
    Ok(filters)
}

#[async_trait]
impl StoredRoutes for SqliteStore {
    async fn stored_routes(&self) -> Result<(RoutesVersion, Vec<Route>), StoreError> {
        let query = sqlx::query(include_str!("../queries/stored_routes.sql"));
        let rows = self.reader.all(query, rows::route).await?;
        let version = rows.first().map_or(RoutesVersion::default(), |(version, _)| *version);
        Ok((version, rows.into_iter().filter_map(|(_, route)| route).collect()))
    }
}
