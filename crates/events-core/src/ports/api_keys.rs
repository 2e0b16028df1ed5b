//! Who may use the server: API keys by their hash, with scopes and an organization.

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::store::StoreError;

/// SHA-256 of a key. The key itself is never stored.
pub type KeyHash = [u8; 32];

/// Keeps API keys.
#[async_trait]
pub trait ApiKeys: Send + Sync {
    /// Stores a key. A key with the same id or hash is replaced.
    async fn put(&self, key: ApiKey, hash: KeyHash) -> Result<(), StoreError>;

    /// The key with this hash, or `None`.
    async fn find(&self, hash: &KeyHash) -> Result<Option<ApiKey>, StoreError>;

    /// All keys, oldest first.
    async fn list(&self) -> Result<Vec<ApiKey>, StoreError>;

    /// Removes a key; `false` when there is none with this id.
    async fn remove(&self, key_id: &str) -> Result<bool, StoreError>;
}

const _: Option<&dyn ApiKeys> = None; // usable as a trait object

/// What a key allows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiKey {
    /// Public id, shown in lists.
    pub key_id: String,
    /// What it is for, in the words of whoever made it.
    pub name: String,
    /// What its bearer may do.
    pub scopes: Vec<Scope>,
    /// The only organization it can see; `None`: all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organization_id: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
}

impl ApiKey {
    /// Whether the bearer may do what `scope` covers. `admin` covers everything, `manage`
    /// also covers `read`.
    #[must_use]
    pub fn allows(&self, scope: Scope) -> bool {
        self.scopes
            .iter()
            .any(|mine| *mine == scope || *mine == Scope::Admin || (*mine == Scope::Manage && scope == Scope::Read))
    }
}

/// A group of permissions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Publish events.
    Publish,
    /// Read events, deliveries and attempts.
    Read,
    /// Redrive dead letters, resume targets.
    Manage,
    /// Everything, keys included.
    Admin,
}
