//! How a store connects.

use std::{fmt, str::FromStr, time::Duration};

use sqlx::postgres::PgConnectOptions;

use crate::open::OpenError;

/// Settings of a session that works, besides those of every session.
///
/// Statements of the store always find what they need in an index. A plan made while a table was
/// empty would scan it, and be kept while it grows, so scans are made unattractive.
pub(crate) const NO_SCANS: [(&str, &str); 2] = [("enable_seqscan", "off"), ("enable_mergejoin", "off")];

/// Where a session keeps its statements: the plan of one that works is the same whatever it looks for, so it is made
/// once, and not anew for each of the first five runs.
pub(crate) const PLAN_ONCE: (&str, &str) = ("plan_cache_mode", "force_generic_plan");

/// Connections for publishing and delivering, in one process. Publishers commit in groups, so few are
/// enough; each waits for the disk at most of the time.
const WORKING: u32 = 8;
/// Connections for lists and searches, apart from the others: a slow search then takes no connection from
/// a publisher or a worker.
const READING: u32 = 4;
/// How a store connects to its database, and in which schema its tables are.
///
/// ```
/// use events_postgres::PgOptions;
/// let options: PgOptions = "postgres://app@db.internal/shop".parse()?;
/// let options = options.schema("events").working_connections(16);
/// # Ok::<(), events_postgres::OpenError>(())
/// ```
#[derive(Clone)]
pub struct PgOptions {
    pub(crate) connect: PgConnectOptions,
    pub(crate) schema: Option<String>,
    pub(crate) pooler: bool,
    pub(crate) working: u32,
    pub(crate) reading: u32,
    pub(crate) statement_timeout: Duration,
    pub(crate) lock_timeout: Duration,
    pub(crate) idle_in_transaction_timeout: Duration,
}

impl PgOptions {
    /// Options from a connection that is described already.
    #[must_use]
    pub fn new(connect: PgConnectOptions) -> Self {
        Self {
            connect,
            schema: None,
            pooler: false,
            working: WORKING,
            reading: READING,
            statement_timeout: Duration::from_secs(30),
            lock_timeout: Duration::from_secs(10),
            idle_in_transaction_timeout: Duration::from_secs(60),
        }
    }

    /// The schema with the store's tables; it is made when it is not there. Without it, the first one of
    /// the connection's search path (`?options=-c search_path=…` in the URL, or the role's default).
    #[must_use]
    pub fn schema(mut self, name: impl Into<String>) -> Self {
        self.schema = Some(name.into());
        self
    }

    /// Whether a pooler such as PgBouncer hands out a server connection for each transaction.
    ///
    /// Then nothing is kept on a connection: no prepared statements, no settings, no `LISTEN`. Each
    /// statement costs three more round trips, and other processes are found out by polling.
    #[must_use]
    pub fn behind_pooler(mut self, pooler: bool) -> Self {
        self.pooler = pooler;
        self
    }

    /// Connections for publishing and delivering; 8 by default, at least 1.
    #[must_use]
    pub fn working_connections(mut self, connections: u32) -> Self {
        self.working = connections.max(1);
        self
    }

    /// Connections for lists and searches; 4 by default, at least 1.
    #[must_use]
    pub fn reading_connections(mut self, connections: u32) -> Self {
        self.reading = connections.max(1);
        self
    }

    /// How long a statement may run; 30 s by default. It is undone then.
    #[must_use]
    pub fn statement_timeout(mut self, timeout: Duration) -> Self {
        self.statement_timeout = timeout;
        self
    }

    /// How long a statement may wait for a lock; 10 s by default. It is undone then.
    #[must_use]
    pub fn lock_timeout(mut self, timeout: Duration) -> Self {
        self.lock_timeout = timeout;
        self
    }

    /// How long a transaction may be left idle before the server ends it, with its connection; 60 s by default. The
    /// store leaves none idle: this is for a process that hangs in the middle of one, and whoever waits for its locks.
    #[must_use]
    pub fn idle_in_transaction_timeout(mut self, timeout: Duration) -> Self {
        self.idle_in_transaction_timeout = timeout;
        self
    }

    /// The settings of a session, by name. Compiling statements (`jit`) would take longer than running them.
    pub(crate) fn settings(&self) -> Vec<(&'static str, String)> {
        vec![
            ("statement_timeout", self.statement_timeout.as_millis().to_string()),
            ("lock_timeout", self.lock_timeout.as_millis().to_string()),
            self.idle_in_transaction(),
            ("jit", "off".to_owned()),
        ]
    }

    /// The setting that every session with a transaction of several statements needs: while the process hangs, the
    /// server ends it, and with it the locks that others wait for.
    pub(crate) fn idle_in_transaction(&self) -> (&'static str, String) {
        ("idle_in_transaction_session_timeout", self.idle_in_transaction_timeout.as_millis().to_string())
    }

    /// How connections are made; `None` of the settings behind a pooler, where a session is nobody's.
    pub(crate) fn connecting(&self, settings: &[(&'static str, String)]) -> PgConnectOptions {
        if self.pooler {
            // A pooler refuses to connect with a parameter that it does not know.
            return self.connect.clone().statement_cache_capacity(0).extra_float_digits(None);
        }
        self.connect.clone().options(settings.iter().map(|(name, value)| (*name, value.as_str())))
    }
}

impl FromStr for PgOptions {
    type Err = OpenError;

    /// Reads a URL: `postgres://user:password@host:5432/database?sslmode=require&schema=events`.
    /// `schema` and `pooler` (`true` or `false`) are the store's own parameters.
    fn from_str(url: &str) -> Result<Self, OpenError> {
        let (mut own, mut kept) = (Vec::new(), Vec::new());
        let (address, query) = url.split_once('?').unwrap_or((url, ""));
        for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
            match parameter.split_once('=') {
                Some((name @ ("schema" | "pooler" | "search_path"), value)) => own.push((name, value)),
                _ => kept.push(parameter),
            }
        }
        let url = if kept.is_empty() { address.to_owned() } else { format!("{address}?{}", kept.join("&")) };
        let connect = PgConnectOptions::from_str(&url).map_err(|source| OpenError::Url { source })?;
        let mut options = Self::new(connect);
        for (name, value) in own {
            options = match name {
                "pooler" => options.behind_pooler(value == "true"),
                _ => options.schema(value),
            };
        }
        Ok(options)
    }
}

impl fmt::Debug for PgOptions {
    /// Without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PgOptions")
            .field("host", &self.connect.get_host())
            .field("port", &self.connect.get_port())
            .field("database", &self.connect.get_database())
            .field("username", &self.connect.get_username())
            .field("schema", &self.schema)
            .field("pooler", &self.pooler)
            .finish_non_exhaustive()
    }
}

impl PgOptions {
    /// The database in words, for errors and logs.
    pub(crate) fn told(&self) -> String {
        let database = self.connect.get_database().unwrap_or_else(|| self.connect.get_username());
        format!("database {database} on {}:{}", self.connect.get_host(), self.connect.get_port())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_the_schema() {
        let options: PgOptions =
            "postgres://a:secret@h:5433/d?sslmode=disable&schema=events&pooler=true".parse().unwrap();
        assert_eq!((options.schema.as_deref(), options.pooler), (Some("events"), true));
        assert_eq!(options.told(), "database d on h:5433");
        assert!(!format!("{options:?}").contains("secret"));
    }
}
