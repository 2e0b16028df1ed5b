//! The schema that the tables are in: statements name tables, and this adds where.

use std::{
    collections::HashMap,
    sync::{Arc, RwLock},
};

use sqlx::AssertSqlSafe;

/// The tables and views of the store.
const TABLES: [&str; 23] = [
    "api_keys",
    "attempt_counts",
    "attempts",
    "attempts_attempt_id_seq",
    "claims",
    "counts_position",
    "dead_letters",
    "deliveries",
    "event_counts",
    "event_ids",
    "event_keys",
    "event_states",
    "events",
    "events_seq_seq",
    "leases",
    "outbox",
    "replays",
    "routes_version",
    "target_organizations",
    "target_states",
    "webhook_routes",
    "webhook_secrets",
    "webhook_subscriptions",
];

/// The first half of the advisory lock of whoever changes the tables of a schema; its name's hash is
/// the second.
pub(crate) const SCHEMA_LOCK: i32 = 0x6576_656e; // "even"

/// Words after which a table is named.
const BEFORE_TABLES: [&str; 4] = ["FROM", "JOIN", "INTO", "UPDATE"];

/// Longest name that PostgreSQL gives to anything, in bytes.
const NAME_BYTES: usize = 63;

/// A schema by name, and the statements for it.
///
/// Statements say `FROM deliveries` and are sent as `FROM "events".deliveries`: so they mean the same
/// on every connection, whatever its search path: an application's own, or one that a pooler hands out.
#[derive(Debug)]
pub(crate) struct Schema {
    name: String,
    statements: RwLock<HashMap<&'static str, Arc<str>>>,
}

impl Schema {
    pub(crate) fn new(name: String) -> Self {
        Self { name, statements: RwLock::default() }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The name in quotes, for statements.
    pub(crate) fn quoted(&self) -> String {
        quote(&self.name)
    }

    /// A table in this schema, for statements and as text for `regclass`.
    pub(crate) fn table(&self, name: &str) -> String {
        format!("{}.{}", self.quoted(), quote(name))
    }

    /// The channel on which wake-ups of this schema travel.
    pub(crate) fn channel(&self) -> String {
        let channel = format!("events_{}", self.name);
        if channel.len() <= NAME_BYTES {
            return channel;
        }
        // FNV-1a: two long names that begin alike have different channels.
        let hash = self
            .name
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        format!("{}_{hash:016x}", &channel[..channel.floor_char_boundary(NAME_BYTES - 17)])
    }

    /// A statement of `src/queries`, with its tables in this schema. Worked out once.
    pub(crate) fn statement(&self, text: &'static str) -> AssertSqlSafe<Arc<str>> {
        if let Some(known) = self.statements.read().ok().and_then(|known| known.get(text).cloned()) {
            return AssertSqlSafe(known);
        }
        let statement: Arc<str> = self.qualified(text).into();
        if let Ok(mut known) = self.statements.write() {
            known.insert(text, Arc::clone(&statement));
        }
        AssertSqlSafe(statement)
    }

    /// `text` with its tables in this schema.
    pub(crate) fn qualified(&self, text: &str) -> String {
        let schema = self.quoted();
        let mut out = String::with_capacity(text.len() + 256);
        for line in text.lines() {
            let code = line.split_once("--").map_or(line, |(code, _)| code);
            if code.trim().is_empty() {
                continue;
            }
            let mut rest = code;
            let mut before = "";
            while !rest.is_empty() {
                let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
                let word = &rest[..rest.find(|c| !is_word(c)).unwrap_or(rest.len())];
                if word.is_empty() {
                    let end = rest.find(is_word).unwrap_or(rest.len());
                    let between = &rest[..end];
                    out.push_str(between);
                    if !between.trim().is_empty() {
                        before = "";
                    }
                    rest = &rest[end..];
                    continue;
                }
                if BEFORE_TABLES.contains(&before) && TABLES.contains(&word) {
                    out.push_str(&schema);
                    out.push('.');
                }
                out.push_str(word);
                before = word;
                rest = &rest[word.len()..];
            }
            out.push('\n');
        }
        out.replace("'delivery_ids'", &format!("'{}.delivery_ids'", schema.replace('\'', "''")))
    }
}

/// A name in quotes.
pub(crate) fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(Schema::new("my events".to_owned()).qualified(text).trim_end(), expected);
    }

    #[test]
    fn tables_are_qualified_and_nothing_else() {
        check("SELECT events.* FROM outbox JOIN events USING (seq)", {
            r#"SELECT events.* FROM "my events".outbox JOIN "my events".events USING (seq)"#
        });
        check("DELETE FROM deliveries WHERE deliveries.seq = 1", {
            r#"DELETE FROM "my events".deliveries WHERE deliveries.seq = 1"#
        });
        check("UPDATE target_states SET a = 1 FROM free", r#"UPDATE "my events".target_states SET a = 1 FROM free"#);
        check("FOR UPDATE OF deliveries", "FOR UPDATE OF deliveries");
        check("SELECT 1 -- FROM events\nFROM events", "SELECT 1 \nFROM \"my events\".events");
        check("nextval('delivery_ids')", r#"nextval('"my events".delivery_ids')"#);
    }

    #[test]
    fn a_channel_fits_and_is_its_schemas_own() {
        assert_eq!(Schema::new("public".to_owned()).channel(), "events_public");
        let (one, other) = ("x".repeat(63), "x".repeat(62));
        let (one, other) = (Schema::new(one).channel(), Schema::new(other).channel());
        assert!(one.len() <= NAME_BYTES && other.len() <= NAME_BYTES);
        assert_ne!(one, other);
    }
}
