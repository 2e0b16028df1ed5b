//! Webhook subscriptions, their secrets, and the routes that follow from them.

mod rows;

use async_trait::async_trait;
use events_core::{
    StoreError,
    ports::{Page, RoutesVersion, StoredRoutes, SubscriptionQuery, Updated, WebhookSubscriptions},
    routing::Route,
    webhooks::{Subscription, SubscriptionId, WebhookSecret},
};
use jiff::Timestamp;
use sqlx::{
    Arguments,
    postgres::{PgArguments, PgRow},
};

use crate::{arguments, error::Failure, history::Filters, store::PgStore, time::Time};

/// Tries at a rotation that meets another one at the same moment.
const TRIES: u32 = 5;

#[async_trait]
impl WebhookSubscriptions for PgStore {
    async fn create(&self, subscription: Subscription, secret: WebhookSecret) -> Result<bool, StoreError> {
        let made = async {
            let values = rows::created(&subscription, &secret)?;
            self.database.change(include_str!("../queries/subscriptions_create.sql"), values).await
        };
        changed(made.await)
    }

    async fn subscription(
        &self,
        subscription_id: SubscriptionId,
        organization_id: Option<&str>,
    ) -> Result<Option<Subscription>, StoreError> {
        let values = crate::given(|| Ok(arguments![*subscription_id.as_uuid(), organization_id]))?;
        let rows = self.database.look(include_str!("../queries/subscriptions_find.sql"), values).await?;
        Ok(read(&rows, rows::subscription)?.pop())
    }

    async fn list(&self, query: SubscriptionQuery) -> Result<Page<Subscription>, StoreError> {
        let filters = list_filters(&query).map_err(|failure| failure.undone())?;
        let page = filters.page(&self.database, query.page.limit, rows::numbered, |(number, _)| *number).await?;
        Ok(Page { items: page.items.into_iter().map(|(_, subscription)| subscription).collect(), next: page.next })
    }

    async fn update(&self, subscription: Subscription) -> Result<Updated, StoreError> {
        let updated = async {
            let mut values = rows::chosen(&subscription)?;
            values.add(subscription.revision).map_err(Failure::encode)?;
            let rows = self.database.change(include_str!("../queries/subscriptions_update.sql"), values).await?;
            rows.first().map(rows::subscription).transpose()
        };
        if let Some(updated) = updated.await.map_err(|failure| failure.of_commit())? {
            return Ok(Updated::Done(updated));
        }
        let current = self.subscription(subscription.subscription_id, None).await?;
        let current = current.filter(|current| current.organization_id == subscription.organization_id);
        Ok(current.map_or(Updated::Missing, Updated::Conflict))
    }

    async fn delete(&self, subscription_id: SubscriptionId, organization_id: Option<&str>) -> Result<bool, StoreError> {
        let deleted = async {
            let values = arguments![*subscription_id.as_uuid(), organization_id];
            self.database.change(include_str!("../queries/subscriptions_delete.sql"), values).await
        };
        changed(deleted.await)
    }

    async fn all(&self, after: Option<SubscriptionId>, limit: usize) -> Result<Vec<Subscription>, StoreError> {
        let after = after.map(|after| *after.as_uuid());
        let values = crate::given(|| Ok(arguments![after, crate::count(limit)]))?;
        let rows = self.database.look(include_str!("../queries/subscriptions_all.sql"), values).await?;
        read(&rows, rows::subscription)
    }

    async fn secrets(&self, subscription_id: SubscriptionId) -> Result<Vec<WebhookSecret>, StoreError> {
        let values = crate::given(|| Ok(arguments![*subscription_id.as_uuid()]))?;
        let rows = self.database.look(include_str!("../queries/secrets.sql"), values).await?;
        read(&rows, rows::secret)
    }

    async fn add_secret(&self, secret: WebhookSecret, others_expire_at: Timestamp) -> Result<bool, StoreError> {
        let mut tries = 1;
        loop {
            let added = async {
                let mut values = rows::secret_values(&secret)?;
                values.add(Time(others_expire_at)).map_err(Failure::encode)?;
                self.database.change(include_str!("../queries/secrets_add.sql"), values).await
            };
            match added.await {
                Err(failure) if failure.is_unique_violation() && tries < TRIES => tries += 1,
                added => return changed(added),
            }
        }
    }

    async fn note_health(
        &self,
        subscription_id: SubscriptionId,
        failing_since: Option<Timestamp>,
        notices: u8,
    ) -> Result<bool, StoreError> {
        let noted = async {
            let values = arguments![*subscription_id.as_uuid(), failing_since.map(Time), i32::from(notices)];
            self.database.change(include_str!("../queries/subscriptions_note_health.sql"), values).await
        };
        changed(noted.await)
    }
}

/// Whether a statement changed a row.
fn changed(rows: Result<Vec<PgRow>, Failure>) -> Result<bool, StoreError> {
    rows.map(|rows| !rows.is_empty()).map_err(|failure| failure.of_commit())
}

fn read<T>(rows: &[PgRow], read: impl Fn(&PgRow) -> Result<T, Failure>) -> Result<Vec<T>, StoreError> {
    rows.iter().map(read).collect::<Result<_, _>>().map_err(|failure| failure.undone())
}

fn list_filters(query: &SubscriptionQuery) -> Result<Filters, Failure> {
    let mut filters = Filters::new(include_str!("../queries/subscriptions_list.sql"), &query.page)?;
    filters.and("number < {}", query.page.cursor)?;
    filters.and("organization_id = {}", query.organization_id.as_deref())?;
    Ok(filters)
}

#[async_trait]
impl StoredRoutes for PgStore {
    async fn stored_routes(&self) -> Result<(RoutesVersion, Vec<Route>), StoreError> {
        let rows = self.database.look(include_str!("../queries/stored_routes.sql"), PgArguments::default()).await?;
        let rows = read(&rows, rows::route)?;
        let version = rows.first().map_or(RoutesVersion::default(), |(version, _)| *version);
        Ok((version, rows.into_iter().filter_map(|(_, route)| route).collect()))
    }
}
