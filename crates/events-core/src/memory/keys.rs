//! API keys by their hash.

use async_trait::async_trait;

use super::MemoryStore;
use crate::ports::{ApiKey, ApiKeys, KeyHash, StoreError};

#[async_trait]
impl ApiKeys for MemoryStore {
    async fn put(&self, key: ApiKey, hash: KeyHash) -> Result<(), StoreError> {
        let keys = &mut self.state().api_keys;
        keys.retain(|_, other| other.key_id != key.key_id);
        keys.insert(hash, key);
        Ok(())
    }

    async fn find(&self, hash: &KeyHash) -> Result<Option<ApiKey>, StoreError> {
        Ok(self.state().api_keys.get(hash).cloned())
    }

    async fn list(&self) -> Result<Vec<ApiKey>, StoreError> {
        let mut keys: Vec<ApiKey> = self.state().api_keys.values().cloned().collect();
        keys.sort_by(|a, b| (a.created_at, &a.key_id).cmp(&(b.created_at, &b.key_id)));
        Ok(keys)
    }

    async fn remove(&self, key_id: &str) -> Result<bool, StoreError> {
        let keys = &mut self.state().api_keys;
        let before = keys.len();
        keys.retain(|_, key| key.key_id != key_id);
        Ok(keys.len() < before)
    }
}
