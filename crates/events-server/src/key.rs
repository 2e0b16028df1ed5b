//! API keys: making them, and the admin key of the first start.

use std::{
    fs::OpenOptions,
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use anyhow::Context;
use aws_lc_rs::rand;
use events_core::ports::{ApiKey, ApiKeys, KeyHash, Scope};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};

use crate::http::key_hash;

/// A fresh key: what is stored, and what its bearer gets.
pub(crate) struct NewKey {
    pub(crate) described: ApiKey,
    pub(crate) secret: SecretString,
    pub(crate) hash: KeyHash,
}

impl NewKey {
    /// 256 random bits, written as `ek_` and hexadecimal digits.
    ///
    /// # Panics
    /// When the operating system has no random numbers, as nothing is safe then.
    pub(crate) fn generate(
        name: String,
        scopes: Vec<Scope>,
        organization_id: Option<String>,
        created_at: Timestamp,
    ) -> Self {
        let mut bits = [0; 40];
        rand::fill(&mut bits).expect("the operating system gives random numbers");
        let (id, key) = bits.split_at(8);
        let secret = SecretString::from(format!("ek_{}", hex(key)));
        let hash = key_hash(secret.expose_secret());
        let described = ApiKey { key_id: format!("key_{}", hex(id)), name, scopes, organization_id, created_at };
        Self { described, secret, hash }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Where the admin key of a data directory is kept.
pub(crate) fn admin_key_file(data_dir: &Path) -> PathBuf {
    data_dir.join("admin.key")
}

/// Makes the admin key at the first start: its hash goes to the store, the key into a file that
/// only the owner can read, where the command line finds it.
///
/// # Errors
/// When the file cannot be written or the store fails.
pub(crate) async fn ensure_admin_key(keys: &dyn ApiKeys, data_dir: &Path, now: Timestamp) -> anyhow::Result<()> {
    let path = admin_key_file(data_dir);
    if let Ok(key) = std::fs::read_to_string(&path)
        && keys.find(&key_hash(key.trim())).await?.is_some()
    {
        return Ok(());
    }
    let NewKey { described, secret, hash } = NewKey::generate("admin".to_owned(), vec![Scope::Admin], None, now);
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&path)
        .with_context(|| format!("cannot write the admin key to {}", path.display()))?;
    file.write_all(secret.expose_secret().as_bytes())?;
    file.sync_all()?;
    keys.put(described, hash).await?;
    tracing::info!(file = %path.display(), "Made an admin key");
    Ok(())
}
