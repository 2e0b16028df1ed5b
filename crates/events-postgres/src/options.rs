//! How a store connects.

use std::{fmt, str::FromStr, time::Duration};

use sqlx::postgres::PgConnectOptions;
use url::form_urlencoded;

use crate::open::OpenError;

/// Settings of a session that works, besides those of every session.
///
/// Statements of the store always find what they need in an index. A plan made while a table was
/// empty would scan it, and be kept while it grows, so scans are made unattractive.
pub(crate) const NO_SCANS: [(&str, &str); 2] = [("enable_seqscan", "off"), ("enable_mergejoin", "off")];

/// Says to the trigger on `events` that statements of the store do themselves what it does for everybody else.
pub(crate) const FILLS_OUTBOX: (&str, &str) = ("events.fills_outbox", "on");

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
    schema: Option<SchemaText>,
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
    ///
    /// It is one schema and no search path: a name with a comma is refused when the store is opened, unless it
    /// stands in double quotes, as in SQL.
    #[must_use]
    pub fn schema(mut self, name: impl Into<String>) -> Self {
        self.schema = Some(SchemaText { place: "PgOptions::schema", text: name.into() });
        self
    }

    /// The name of the schema, if one was given.
    pub(crate) fn schema_name(&self) -> Result<Option<String>, OpenError> {
        self.schema.as_ref().map(SchemaText::name).transpose()
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
    /// `schema` and `pooler` (`true` or `false`) are the store's own parameters. `search_path` says the same as
    /// `schema`: one name.
    fn from_str(url: &str) -> Result<Self, OpenError> {
        let (mut own, mut kept, mut pooler) = (Vec::new(), Vec::new(), false);
        let (address, query) = url.split_once('?').unwrap_or((url, ""));
        for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
            match parameter.split_once('=') {
                Some(("schema", value)) => own.push(("the URL's parameter `schema`", value)),
                Some(("search_path", value)) => own.push(("the URL's parameter `search_path`", value)),
                Some(("pooler", value)) => {
                    pooler = value.parse().map_err(|_| OpenError::NotTrueOrFalse { found: value.to_owned() })?;
                }
                _ => kept.push(parameter),
            }
        }
        let url = if kept.is_empty() { address.to_owned() } else { format!("{address}?{}", kept.join("&")) };
        let connect = PgConnectOptions::from_str(&url).map_err(|source| OpenError::Url { source })?;
        let mut options = Self::new(connect).behind_pooler(pooler);
        for (place, value) in own {
            let text =
                form_urlencoded::parse(format!("={value}").as_bytes()).map(|(_, text)| text.into_owned()).collect();
            options.schema = Some(SchemaText { place, text });
            options.schema_name()?;
        }
        Ok(options)
    }
}

/// What somebody wrote for the name of a schema.
#[derive(Clone)]
struct SchemaText {
    /// Where.
    place: &'static str,
    text: String,
}

impl SchemaText {
    /// The name that it is. Whoever writes a search path where one name is wanted would get a schema that is called
    /// like the whole of it, and look for their tables elsewhere.
    fn name(&self) -> Result<String, OpenError> {
        let text = self.text.trim();
        if let Some(quoted) = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) {
            let has_one_name = !quoted.is_empty() && !quoted.replace("\"\"", "").contains('"');
            if has_one_name {
                return Ok(quoted.replace("\"\"", "\""));
            }
        } else if !text.is_empty() && !text.contains(',') {
            return Ok(text.to_owned());
        }
        Err(OpenError::NotOneSchema { place: self.place, found: self.text.clone() })
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
            .field("schema", &self.schema.as_ref().map(|schema| &schema.text))
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
        assert_eq!((options.schema_name().unwrap().as_deref(), options.pooler), (Some("events"), true));
        assert_eq!(options.told(), "database d on h:5433");
        assert!(!format!("{options:?}").contains("secret"));
    }

    #[test]
    fn a_pooler_is_there_or_not() {
        let pooler = |value: &str| format!("postgres://a:secret@h/d?pooler={value}").parse::<PgOptions>();
        assert_eq!(["true", "false"].map(|value| pooler(value).unwrap().pooler), [true, false]);
        for value in ["1", "yes", "True", ""] {
            let refused = pooler(value).unwrap_err().to_string();
            let expected = format!("the URL's parameter `pooler` has to be `true` or `false`, and is `{value}`");
            assert_eq!(refused, expected);
        }
    }

    /// What a URL with these parameters says about the schema.
    fn named(parameters: &str) -> Result<Option<String>, String> {
        let options = format!("postgres://a:secret@h/d?{parameters}").parse::<PgOptions>();
        options.and_then(|options| options.schema_name()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_schema_is_one_name() {
        for (parameters, name) in [
            ("sslmode=disable", None),
            ("schema=events", Some("events")),
            ("search_path=events", Some("events")),
            ("schema=my%20events", Some("my events")),
            ("schema=%22a,b%22", Some("a,b")),
            ("search_path=\"a,b\"", Some("a,b")),
            ("schema=%22say+%22%22a%22%22%22", Some("say \"a\"")),
        ] {
            assert_eq!(named(parameters), Ok(name.map(str::to_owned)), "{parameters}");
        }
    }

    #[test]
    fn a_search_path_is_refused_where_a_schema_is_wanted() {
        for (parameters, found) in [
            ("search_path=a,b", "a,b"),
            ("schema=a,%20b", "a, b"),
            ("schema=a%2Cb&search_path=c", "a,b"),
            ("search_path=%22$user%22,public", "\"$user\",public"),
            ("search_path=%22a%22,%22b%22", "\"a\",\"b\""),
            ("schema=", ""),
            ("schema=%22%22", "\"\""),
        ] {
            let refused = named(parameters).unwrap_err();
            let place = if parameters.starts_with("schema") { "`schema`" } else { "`search_path`" };
            assert!(refused.starts_with(&format!("the URL's parameter {place} has to name one schema")), "{refused}");
            assert!(refused.contains(&format!("and is {found};")), "{parameters}: {refused}");
            assert!(!refused.contains("secret"), "{refused}");
        }
    }
}
