//! Whom a server runs as: ourselves, or an ordinary user when we are root.

use std::process::Command;

use anyhow::{Context, bail};

/// A user of the system, by numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Account {
    pub(super) uid: u32,
    pub(super) gid: u32,
}

impl Account {
    /// The user to change to: none unless we are root, then `preferred` or else `nobody`.
    pub(super) fn to_change_to(preferred: &str) -> anyhow::Result<Option<Self>> {
        if id(&["-u"])? != Some(0) {
            return Ok(None);
        }
        for name in [preferred, "nobody"] {
            if let (Some(uid), Some(gid)) = (id(&["-u", name])?, id(&["-g", name])?)
                && uid != 0
            {
                return Ok(Some(Self { uid, gid }));
            }
        }
        bail!("servers do not run as root, and there is neither a user {preferred} nor a user nobody to run them as")
    }
}

/// Whether this process runs as root.
pub(super) fn is_root() -> bool {
    id(&["-u"]).is_ok_and(|uid| uid == Some(0))
}

/// What `id` answers; nothing when it knows no such user.
fn id(arguments: &[&str]) -> anyhow::Result<Option<u32>> {
    let output = Command::new("id").args(arguments).output().context("cannot run `id`")?;
    if !output.status.success() {
        return Ok(None);
    }
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(Some(text.trim().parse().with_context(|| format!("`id {}` answered {text:?}", arguments.join(" ")))?))
}
