//! Changes of subscriptions and secrets.

use async_trait::async_trait;
use events_core::{
    ports::Updated,
    webhooks::{Subscription, SubscriptionId, WebhookSecret},
};
use jiff::Timestamp;
use sqlx::{
    Sqlite,
    query::Query,
    sqlite::{SqliteArguments, SqliteConnection},
};

use super::rows;
use crate::{error::Failure, operation::Operation};

/// Makes a subscription with its first secret.
pub(super) struct Create {
    pub(super) subscription: Subscription,
    pub(super) secret: WebhookSecret,
}

#[async_trait]
impl Operation for Create {
    type Output = bool;

    async fn run(&self, connection: &mut SqliteConnection) -> Result<bool, Failure> {
        let new = &self.subscription;
        let made = rows::bind(sqlx::query(include_str!("../queries/subscriptions_create.sql")), new)?
            .bind(new.created_at.as_microsecond())
            .bind(new.failing_since.map(Timestamp::as_microsecond))
            .bind(i64::from(new.notices))
            .bind(new.revision)
            .execute(&mut *connection)
            .await?;
        if made.rows_affected() == 0 {
            return Ok(false);
        }
        insert(&self.secret).execute(connection).await?;
        Ok(true)
    }
}

/// Changes a subscription, if it is what its maker has seen.
pub(super) struct Update(pub(super) Subscription);

#[async_trait]
impl Operation for Update {
    type Output = Updated;

    async fn run(&self, connection: &mut SqliteConnection) -> Result<Updated, Failure> {
        let given = &self.0;
        let updated = rows::bind(sqlx::query(include_str!("../queries/subscriptions_update.sql")), given)?
            .bind(given.revision)
            .fetch_optional(&mut *connection)
            .await?;
        if let Some(row) = updated {
            return rows::subscription(&row).map(Updated::Done);
        }
        let current = sqlx::query(include_str!("../queries/subscriptions_find.sql"))
            .bind(given.subscription_id.as_uuid().as_bytes().as_slice())
            .bind(None::<&str>)
            .fetch_optional(connection)
            .await?;
        let current = current.as_ref().map(rows::subscription).transpose()?;
        let current = current.filter(|current| current.organization_id == given.organization_id);
        Ok(current.map_or(Updated::Missing, Updated::Conflict))
    }
}

/// Removes a subscription with its secrets.
pub(super) struct Delete {
    pub(super) subscription_id: SubscriptionId,
    pub(super) organization_id: Option<String>,
}

#[async_trait]
impl Operation for Delete {
    type Output = bool;

    fn commits_itself(&self) -> bool {
        true
    }

    async fn run(&self, connection: &mut SqliteConnection) -> Result<bool, Failure> {
        let gone = sqlx::query(include_str!("../queries/subscriptions_delete.sql"))
            .bind(self.subscription_id.as_uuid().as_bytes().as_slice())
            .bind(self.organization_id.as_deref())
            .execute(connection)
            .await?;
        Ok(gone.rows_affected() > 0)
    }
}

/// Adds a secret and lets the others expire.
pub(super) struct AddSecret {
    pub(super) secret: WebhookSecret,
    pub(super) others_expire_at: Timestamp,
}

#[async_trait]
impl Operation for AddSecret {
    type Output = bool;

    async fn run(&self, connection: &mut SqliteConnection) -> Result<bool, Failure> {
        let secret_id = self.secret.secret_id.as_uuid().as_bytes().as_slice();
        let subscription_id = self.secret.subscription_id.as_uuid().as_bytes().as_slice();
        let may: bool = sqlx::query_scalar(include_str!("../queries/secrets_may_be_added.sql"))
            .bind(secret_id)
            .bind(subscription_id)
            .fetch_one(&mut *connection)
            .await?;
        if !may {
            return Ok(false);
        }
        let times = [
            (include_str!("../queries/secrets_expired.sql"), self.secret.created_at),
            (include_str!("../queries/secrets_expire.sql"), self.others_expire_at),
        ];
        for (statement, time) in times {
            let others = sqlx::query(statement).bind(subscription_id).bind(time.as_microsecond());
            others.execute(&mut *connection).await?;
        }
        insert(&self.secret).execute(connection).await?;
        Ok(true)
    }
}

fn insert(secret: &WebhookSecret) -> Query<'_, Sqlite, SqliteArguments> {
    sqlx::query(include_str!("../queries/secrets_add.sql"))
        .bind(secret.secret_id.as_uuid().as_bytes().as_slice())
        .bind(secret.subscription_id.as_uuid().as_bytes().as_slice())
        .bind(secret.scheme.as_str())
        .bind(secret.key_id.as_str())
        .bind(secret.sealed.as_bytes())
        .bind(secret.public_key.as_deref())
        .bind(secret.created_at.as_microsecond())
        .bind(secret.expires_at.map(Timestamp::as_microsecond))
}

/// Notes how a subscription does.
pub(super) struct NoteHealth {
    pub(super) subscription_id: SubscriptionId,
    pub(super) failing_since: Option<Timestamp>,
    pub(super) notices: u8,
}

#[async_trait]
impl Operation for NoteHealth {
    type Output = bool;

    fn commits_itself(&self) -> bool {
        true
    }

    async fn run(&self, connection: &mut SqliteConnection) -> Result<bool, Failure> {
        let noted = sqlx::query(include_str!("../queries/subscriptions_note_health.sql"))
            .bind(self.subscription_id.as_uuid().as_bytes().as_slice())
            .bind(self.failing_since.map(Timestamp::as_microsecond))
            .bind(i64::from(self.notices))
            .execute(connection)
            .await?;
        Ok(noted.rows_affected() > 0)
    }
}
