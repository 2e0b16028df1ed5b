//! `database.url`: which store, and where.

use std::{fmt, path::PathBuf};

use anyhow::{Context, bail};
use events_postgres::{OpenError, PgOptions};
use secrecy::{ExposeSecret, SecretString};

/// Where events are kept.
pub(crate) enum Database {
    /// One file, for one process.
    Sqlite(PathBuf),
    /// A PostgreSQL database, for any number of processes.
    Postgres {
        /// How to connect.
        options: Box<PgOptions>,
        /// The URL without password and parameters.
        shown: String,
    },
}

impl Database {
    /// Reads the URL; without one it is `default`.
    pub(super) fn named_by(url: Option<SecretString>, default: PathBuf) -> anyhow::Result<Self> {
        let Some(url) = url else { return Ok(Self::Sqlite(default)) };
        let url = url.expose_secret();
        match url.split_once(':').map(|(scheme, rest)| (scheme, rest.strip_prefix("//").unwrap_or(rest))) {
            Some(("sqlite", path)) => sqlite(path),
            Some(("postgres" | "postgresql", _)) => postgres(url),
            other => {
                // What stands before the colon may be anything, a password too.
                let scheme = other.map(|(scheme, _)| scheme).filter(|scheme| scheme.len() <= 12).unwrap_or_default();
                bail!(
                    "database.url: the scheme {scheme:?} is not supported; write sqlite:path/of/a/file \
                     or postgres://user:password@host:port/database"
                )
            }
        }
    }

    /// Whether several processes may share it.
    pub(crate) fn is_shared(&self) -> bool {
        matches!(self, Self::Postgres { .. })
    }
}

fn sqlite(path: &str) -> anyhow::Result<Database> {
    if path.is_empty() || path.starts_with(":memory:") || path.contains('?') {
        bail!("database.url: name a file, as in sqlite:events-data/events.db; options are not supported");
    }
    Ok(Database::Sqlite(path.into()))
}

fn postgres(text: &str) -> anyhow::Result<Database> {
    // The driver's own words may repeat parts of the URL, so they are not shown.
    let options = match text.parse::<PgOptions>() {
        Err(error @ (OpenError::NotOneSchema { .. } | OpenError::NotTrueOrFalse { .. })) => {
            bail!("database.url: {error}")
        }
        other => other.ok(),
    };
    let (mut url, options) = url::Url::parse(text).ok().zip(options).context(
        "database.url: it is no URL of a PostgreSQL database; write \
         postgres://user:password@host:port/database, with special characters of the password as %XX",
    )?;
    let _ = url.set_password(None); // it has a host, so this cannot fail
    url.set_query(None);
    Ok(Database::Postgres { options: Box::new(options), shown: url.to_string() })
}

impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Postgres { shown, .. } => f.write_str(shown),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(url: &str) -> anyhow::Result<Database> {
        Database::named_by(Some(url.to_owned().into()), "default.db".into())
    }

    #[test]
    fn a_url_is_shown_without_its_secrets() {
        let shown = |url: &str| named(url).unwrap().to_string();
        assert_eq!(shown("postgres://app:tops3cret@db:5433/shop?schema=events"), "postgres://app@db:5433/shop");
        assert_eq!(shown("postgresql://db/shop?password=tops3cret"), "postgresql://db/shop");
        assert_eq!(shown("sqlite:a/b.db"), "sqlite:a/b.db");
        assert_eq!(shown("sqlite://a/b.db"), "sqlite:a/b.db");
        assert_eq!(Database::named_by(None, "default.db".into()).unwrap().to_string(), "sqlite:default.db");
    }

    #[test]
    fn a_search_path_is_refused_with_what_to_write_instead() {
        let refused = format!("{:#}", named("postgres://app:tops3cret@db/shop?search_path=a,b").err().unwrap());
        assert!(
            refused.starts_with("database.url: the URL's parameter `search_path` has to name one schema"),
            "{refused}"
        );
        assert!(refused.contains("is a,b;") && refused.contains("`?schema=events`"), "{refused}");
        assert!(!refused.contains("tops3cret"), "{refused}");
        named("postgres://app:tops3cret@db/shop?search_path=%22a,b%22").unwrap();
    }

    #[test]
    fn a_pooler_that_is_neither_there_nor_not_is_refused() {
        let refused = format!("{:#}", named("postgres://app:tops3cret@db/shop?pooler=yes").err().unwrap());
        let expected = "database.url: the URL's parameter `pooler` has to be `true` or `false`, and is `yes`";
        assert_eq!(refused, expected);
    }

    #[test]
    fn a_wrong_url_is_refused_without_its_secrets() {
        for url in [
            "mysql://app:tops3cret@db/shop",
            "tops3cret",
            "tops3cret-and-more:x",
            "postgres://app:tops3cret@db:port/shop",
            "postgres://app:tops3cret@db/shop?sslmode=tops3cret",
            "sqlite::memory:",
            "sqlite:",
            "sqlite:x.db?mode=tops3cret",
        ] {
            let problem = format!("{:#}", named(url).err().unwrap_or_else(|| panic!("{url} is refused")));
            assert!(problem.starts_with("database.url: "), "{problem}");
            assert!(!problem.contains("tops3cret-") && !problem.contains(":tops3cret"), "{problem}");
        }
    }
}
