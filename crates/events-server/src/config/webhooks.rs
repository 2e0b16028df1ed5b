//! `[webhooks]`: how webhooks are sealed and which endpoints may be called.

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
};

use anyhow::{Context, bail};
use aws_lc_rs::rand;
use base64::{Engine, engine::general_purpose::STANDARD};
use events_webhooks::{Vault, address::AddressPolicy, sealing::Keyring};
use ipnet::IpNet;
use secrecy::{ExposeSecret, SecretString};

use super::{database::Database, written};
use crate::key;

/// How webhooks are sent.
pub(crate) struct Webhooks {
    keys: Keys,
    /// Which addresses may be called.
    pub(crate) policy: AddressPolicy,
    /// Whether URLs may begin with `http:`.
    pub(crate) allow_http: bool,
    /// What is allowed beside public addresses, for people.
    pub(super) allowed: String,
    /// Who is asked for the addresses of names; nobody but the system when it is empty.
    pub(crate) nameservers: Vec<SocketAddr>,
}

/// Where the keys come from that seal secrets.
enum Keys {
    Configured(Vault),
    /// A file of the data directory, made at the first start.
    InFile(PathBuf),
    /// Several processes share the database, so they need one key, and nobody has given it.
    Missing,
}

impl Webhooks {
    pub(super) fn meant_by(
        written: written::Webhooks,
        database: &Database,
        data_dir: &std::path::Path,
    ) -> anyhow::Result<Self> {
        let keys = match written.encryption_keys {
            Some(keys) => Keys::Configured(vault(&keys).context("webhooks.encryption_keys")?),
            None if database.is_shared() => Keys::Missing,
            None => Keys::InFile(data_dir.join("webhooks.key")),
        };
        let allowed = written.allow_networks.unwrap_or_default();
        let networks = listed(&allowed).map(network).collect::<anyhow::Result<Vec<_>>>()?;
        let nameservers = written.nameservers.unwrap_or_default();
        Ok(Self {
            keys,
            policy: AddressPolicy::allowing(networks),
            allow_http: written.allow_http.unwrap_or(false),
            allowed,
            nameservers: listed(&nameservers).map(nameserver).collect::<anyhow::Result<_>>()?,
        })
    }

    /// Whether webhooks are on: a key is configured, or can be made.
    pub(crate) fn is_on(&self) -> bool {
        !matches!(self.keys, Keys::Missing)
    }

    /// The vault; `None` when no key is configured and none can be made.
    pub(crate) fn vault(self) -> anyhow::Result<Option<Vault>> {
        match self.keys {
            Keys::Configured(vault) => Ok(Some(vault)),
            Keys::InFile(path) => {
                let keys = key_in(&path)?;
                Ok(Some(vault(&keys).with_context(|| format!("in {}", path.display()))?))
            }
            Keys::Missing => Ok(None),
        }
    }

    /// Who is asked for the addresses of names, for people.
    pub(super) fn shown_nameservers(&self) -> String {
        let shown: Vec<_> = self.nameservers.iter().map(SocketAddr::to_string).collect();
        if shown.is_empty() { "those of the system".to_owned() } else { shown.join(", ") }
    }

    /// Where the keys are, for people.
    pub(super) fn shown_keys(&self) -> String {
        match &self.keys {
            Keys::Configured(_) => "set, not shown".to_owned(),
            Keys::InFile(path) => format!("in {}", path.display()),
            Keys::Missing => "none: webhooks are off".to_owned(),
        }
    }
}

/// `2026:BASE64,2025:BASE64`: the first key seals, all of them open.
fn vault(keys: &SecretString) -> anyhow::Result<Vault> {
    let mut named = Vec::new();
    for (place, key) in keys.expose_secret().split(',').map(str::trim).filter(|key| !key.is_empty()).enumerate() {
        let Some((id, key)) = key.split_once(':') else {
            bail!(
                "key {} has no name; write name:key, as in 2026:… where `openssl rand -base64 32` makes the key",
                place + 1
            );
        };
        named.push((id.to_owned(), SecretString::from(key)));
    }
    let Some(((id, key), older)) = named.split_first() else {
        bail!("holds no key; write name:key, as in 2026:… where `openssl rand -base64 32` makes the key");
    };
    Ok(Vault::new(Keyring::new((id, key), older.iter().map(|(id, key)| (id.as_str(), key)))?))
}

/// The key in a file that only its owner can read; made unless it is there.
fn key_in(path: &std::path::Path) -> anyhow::Result<SecretString> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(text.into()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let mut bytes = [0; 32];
            rand::fill(&mut bytes).map_err(|_| anyhow::anyhow!("the operating system gives no random numbers"))?;
            let text = format!("1:{}", STANDARD.encode(bytes));
            key::write_private(path, &text).with_context(|| format!("cannot write {}", path.display()))?;
            tracing::info!(file = %path.display(), "Made a key that encrypts the secrets of webhooks; keep a copy beside your backups");
            Ok(text.into())
        }
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

/// The parts of a list with commas.
fn listed(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty())
}

fn nameserver(text: &str) -> anyhow::Result<SocketAddr> {
    const PORT: u16 = 53;
    let address = text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(|ip| SocketAddr::new(ip, PORT)));
    address.with_context(|| {
        format!("webhooks.nameservers: {text:?} is no address; write 10.0.0.53, or 10.0.0.53:5353 for another port, with commas between")
    })
}

fn network(text: &str) -> anyhow::Result<IpNet> {
    let network = text.parse::<IpNet>().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
    network.with_context(|| {
        format!("webhooks.allow_networks: {text:?} is no network; write 10.1.0.0/16 or an address, with commas between")
    })
}
