//! API keys: making them, and the admin key of the first start.

use std::{
    fs::{self, DirBuilder, OpenOptions, Permissions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
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
/// The file comes first. When the process dies before the hash is stored, the next start finds a
/// file whose key is not known and makes another. A stored hash without its key would stay for ever.
///
/// # Errors
/// When the file cannot be written or the store fails.
pub(crate) async fn ensure_admin_key(keys: &dyn ApiKeys, data_dir: &Path, now: Timestamp) -> anyhow::Result<()> {
    let path = admin_key_file(data_dir);
    if let Ok(key) = fs::read_to_string(&path)
        && keys.find(&key_hash(key.trim())).await?.is_some()
    {
        return keep_private(&path);
    }
    let NewKey { described, secret, hash } = NewKey::generate("admin".to_owned(), vec![Scope::Admin], None, now);
    write_private(&path, secret.expose_secret())
        .with_context(|| format!("cannot write the admin key to {}", path.display()))?;
    keys.put(described, hash).await?;
    tracing::info!(file = %path.display(), "Made an admin key");
    Ok(())
}

/// Makes a directory that only the owner can enter, unless it is there.
pub(crate) fn create_private_dir(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Writes a file that only the owner can read, whole or not at all. Whatever has its name is
/// replaced, so neither a link nor the permissions of an older file matter.
pub(crate) fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let draft = path.with_extension("new");
    match fs::remove_file(&draft) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&draft, path)
}

/// Takes the rights to the key away from everybody but its owner.
fn keep_private(path: &Path) -> anyhow::Result<()> {
    let mode = fs::metadata(path)?.permissions().mode();
    if mode & 0o077 != 0 {
        fs::set_permissions(path, Permissions::from_mode(0o600))
            .with_context(|| format!("others can read {}, and that cannot be changed", path.display()))?;
        tracing::warn!(file = %path.display(), "Others could read the admin key; now only its owner can");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use events_core::testkit::{MemoryStore, at};

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    async fn start(store: &MemoryStore, data_dir: &Path) -> String {
        ensure_admin_key(store, data_dir, at(0)).await.unwrap();
        fs::read_to_string(admin_key_file(data_dir)).unwrap()
    }

    #[tokio::test]
    async fn the_admin_key_is_made_once_and_readable_by_its_owner_only() {
        let (store, scratch) = (MemoryStore::new(), tempfile::tempdir().unwrap());
        let data_dir = scratch.path().join("deep/data");
        create_private_dir(&data_dir).unwrap();
        let key = start(&store, &data_dir).await;
        assert_eq!((mode(&data_dir), mode(&admin_key_file(&data_dir))), (0o700, 0o600));
        assert!(store.find(&key_hash(&key)).await.unwrap().is_some());
        assert_eq!(start(&store, &data_dir).await, key);
        assert_eq!(store.list().await.unwrap().len(), 1);
    }

    #[tokio::test]
    async fn a_death_between_file_and_hash_is_mended_by_the_next_start() {
        let (store, scratch) = (MemoryStore::new(), tempfile::tempdir().unwrap());
        fs::write(admin_key_file(scratch.path()), "ek_never_stored").unwrap();
        fs::write(scratch.path().join("admin.new"), "half a k").unwrap();
        let key = start(&store, scratch.path()).await;
        assert!(store.find(&key_hash(&key)).await.unwrap().is_some());
        assert_eq!(mode(&admin_key_file(scratch.path())), 0o600, "whatever it was before");
        assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 1);
    }

    #[tokio::test]
    async fn rights_of_others_are_taken_away() {
        let (store, scratch) = (MemoryStore::new(), tempfile::tempdir().unwrap());
        let key = start(&store, scratch.path()).await;
        fs::set_permissions(admin_key_file(scratch.path()), Permissions::from_mode(0o644)).unwrap();
        assert_eq!(start(&store, scratch.path()).await, key);
        assert_eq!(mode(&admin_key_file(scratch.path())), 0o600);
    }

    #[tokio::test]
    async fn a_link_in_place_of_the_key_is_replaced_and_not_followed() {
        let (store, scratch) = (MemoryStore::new(), tempfile::tempdir().unwrap());
        let elsewhere = scratch.path().join("elsewhere");
        fs::write(&elsewhere, "mine").unwrap();
        let data_dir = scratch.path().join("data");
        create_private_dir(&data_dir).unwrap();
        std::os::unix::fs::symlink(&elsewhere, admin_key_file(&data_dir)).unwrap();
        start(&store, &data_dir).await;
        assert_eq!(fs::read_to_string(&elsewhere).unwrap(), "mine");
    }
}
