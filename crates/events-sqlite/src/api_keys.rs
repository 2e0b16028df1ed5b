//! API keys by their hash.

use async_trait::async_trait;
use events_core::ports::{ApiKey, ApiKeys, KeyHash, StoreError};
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use crate::{error::Failure, operation::Operation, rows::Cells, store::SqliteStore};

#[async_trait]
impl ApiKeys for SqliteStore {
    async fn put(&self, key: ApiKey, hash: KeyHash) -> Result<(), StoreError> {
        self.writer.run(Put { key, hash }).await
    }

    async fn find(&self, hash: &KeyHash) -> Result<Option<ApiKey>, StoreError> {
        let query = sqlx::query("SELECT * FROM api_keys WHERE hash = ?1").bind(&hash[..]);
        Ok(self.reader.all(query, api_key).await?.pop())
    }

    async fn list(&self) -> Result<Vec<ApiKey>, StoreError> {
        self.reader.all(sqlx::query("SELECT * FROM api_keys ORDER BY created_at, key_id"), api_key).await
    }

    async fn remove(&self, key_id: &str) -> Result<bool, StoreError> {
        self.writer.run(Remove { key_id: key_id.to_owned() }).await
    }
}

struct Put {
    key: ApiKey,
    hash: KeyHash,
}

#[async_trait]
impl Operation for Put {
    type Output = ();

    fn commits_itself(&self) -> bool {
        true
    }

    async fn run(&self, connection: &mut SqliteConnection) -> Result<(), Failure> {
        sqlx::query(include_str!("queries/api_keys_put.sql"))
            .bind(self.key.key_id.as_str())
            .bind(&self.hash[..])
            .bind(self.key.name.as_str())
            .bind(crate::json(&self.key.scopes)?)
            .bind(self.key.organization_id.as_deref())
            .bind(self.key.created_at.as_microsecond())
            .execute(connection)
            .await?;
        Ok(())
    }
}

struct Remove {
    key_id: String,
}

#[async_trait]
impl Operation for Remove {
    type Output = bool;

    fn commits_itself(&self) -> bool {
        true
    }

    async fn run(&self, connection: &mut SqliteConnection) -> Result<bool, Failure> {
        let done = sqlx::query("DELETE FROM api_keys WHERE key_id = ?1")
            .bind(self.key_id.as_str())
            .execute(connection)
            .await?;
        Ok(done.rows_affected() > 0)
    }
}

fn api_key(row: &SqliteRow) -> Result<ApiKey, Failure> {
    let cells = Cells::of(row, "api_keys", "key_id");
    Ok(ApiKey {
        key_id: cells.get("key_id")?,
        name: cells.get("name")?,
        scopes: cells.parse("scopes", serde_json::from_str)?,
        organization_id: cells.get("organization_id")?,
        created_at: cells.time("created_at")?,
    })
}
