//! API keys by their hash.

use async_trait::async_trait;
use events_core::ports::{ApiKey, ApiKeys, KeyHash, StoreError};
use sqlx::postgres::PgRow;

use crate::{arguments, error::Failure, rows::Cells, store::PgStore, time::Time};

#[async_trait]
impl ApiKeys for PgStore {
    async fn put(&self, key: ApiKey, hash: KeyHash) -> Result<(), StoreError> {
        let put = async {
            let scopes = serde_json::to_string(&key.scopes).map_err(|error| Failure::encode(error.into()))?;
            let values = arguments![
                key.key_id.as_str(),
                &hash[..],
                key.name.as_str(),
                scopes,
                key.organization_id.as_deref(),
                Time(key.created_at),
            ];
            self.database.change(include_str!("queries/api_keys_put.sql"), values).await
        };
        put.await.map(drop).map_err(|failure: Failure| failure.of_commit())
    }

    async fn find(&self, hash: &KeyHash) -> Result<Option<ApiKey>, StoreError> {
        let values = crate::given(|| Ok(arguments![&hash[..]]))?;
        let rows = self.database.look(include_str!("queries/api_keys_find.sql"), values).await?;
        rows.first().map(api_key).transpose().map_err(|failure| failure.undone())
    }

    async fn list(&self) -> Result<Vec<ApiKey>, StoreError> {
        let values = crate::given(|| Ok(arguments![]))?;
        let rows = self.database.look(include_str!("queries/api_keys_list.sql"), values).await?;
        rows.iter().map(api_key).collect::<Result<_, _>>().map_err(|failure| failure.undone())
    }

    async fn remove(&self, key_id: &str) -> Result<bool, StoreError> {
        let removed = async {
            let values = arguments![key_id];
            self.database.change(include_str!("queries/api_keys_remove.sql"), values).await
        };
        let rows = removed.await.map_err(|failure: Failure| failure.of_commit())?;
        Ok(!rows.is_empty())
    }
}

fn api_key(row: &PgRow) -> Result<ApiKey, Failure> {
    let cells = Cells::of(row, "api_keys", "key_id");
    Ok(ApiKey {
        key_id: cells.get("key_id")?,
        name: cells.get("name")?,
        scopes: cells.parse("scopes", serde_json::from_str)?,
        organization_id: cells.get("organization_id")?,
        created_at: cells.time("created_at")?,
    })
}
