//! What goes wrong, in the words of the port.

use events_core::StoreError;
use sqlx::error::DatabaseError;

/// Why a statement or the reading of its rows failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Nothing was sent: no connection could be had.
    NotSent(sqlx::Error),
    /// PostgreSQL refused, or the connection was lost before its answer came.
    Database(sqlx::Error),
    /// A row does not hold what its column promises.
    Corrupt(String),
    /// Others stored the same events between our look and our insert, time and again.
    Raced,
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

impl Failure {
    /// A value that cannot be sent.
    pub(crate) fn encode(error: sqlx::error::BoxDynError) -> Self {
        Self::NotSent(sqlx::Error::Encode(error))
    }

    /// The failure of something that changes nothing, or whose effect is known to be undone.
    pub(crate) fn undone(&self) -> StoreError {
        match self {
            Self::Corrupt(what) => StoreError::Corrupt(what.clone()),
            Self::Raced => {
                StoreError::Unavailable("others stored the same events meanwhile, time and again".to_owned())
            }
            Self::NotSent(error) | Self::Database(error) => match code(error).as_deref() {
                Some(DISK_FULL) => StoreError::Full(error.to_string()),
                Some(DATA_CORRUPTED | INDEX_CORRUPTED) => StoreError::Corrupt(error.to_string()),
                _ => StoreError::Unavailable(error.to_string()),
            },
        }
    }

    /// The failure of a statement that is its own commit. Only an answer of PostgreSQL tells that it was
    /// undone; without one, or with one that says that the server goes away, the commit may have happened.
    pub(crate) fn of_commit(&self) -> StoreError {
        match self {
            Self::Database(error) if commit_is_unknown(error) => StoreError::Unknown(error.to_string()),
            other => other.undone(),
        }
    }

    /// Whether a unique index stands in the way.
    pub(crate) fn is_unique_violation(&self) -> bool {
        matches!(self, Self::Database(sqlx::Error::Database(error)) if error.is_unique_violation())
    }

    /// Whether the same statement may work when it is run again at once: it was undone because it
    /// and another one waited for each other.
    pub(crate) fn is_worth_repeating(&self) -> bool {
        let Self::Database(error) = self else { return false };
        matches!(code(error).as_deref(), Some(SERIALIZATION_FAILURE | DEADLOCK_DETECTED))
    }
}

// SQLSTATEs, <https://www.postgresql.org/docs/current/errcodes-appendix.html>.
const SERIALIZATION_FAILURE: &str = "40001";
const DEADLOCK_DETECTED: &str = "40P01";
const COMPLETION_UNKNOWN: &str = "40003";
const DISK_FULL: &str = "53100";
/// Class of `admin_shutdown`, `crash_shutdown`, `cannot_connect_now`, `database_dropped`, `idle_session_timeout`.
const OPERATOR_INTERVENTION: &str = "57P";
const DATA_CORRUPTED: &str = "XX001";
const INDEX_CORRUPTED: &str = "XX002";
const INTERNAL_ERROR: &str = "XX000";

/// A server that is told to stop may do so between a commit and the answer to it, so its farewell
/// (57P01) says nothing about the commit.
fn commit_is_unknown(error: &sqlx::Error) -> bool {
    match code(error).as_deref() {
        Some(code) => code == COMPLETION_UNKNOWN || code.starts_with(OPERATOR_INTERVENTION) || code == INTERNAL_ERROR,
        None => !matches!(error, sqlx::Error::Encode(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed),
    }
}

/// The SQLSTATE, when it is PostgreSQL that refused.
fn code(error: &sqlx::Error) -> Option<String> {
    error.as_database_error().and_then(DatabaseError::code).map(|code| code.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_connection_leaves_a_commit_unknown_and_a_read_undone() {
        let lost = || Failure::Database(sqlx::Error::Io(std::io::ErrorKind::UnexpectedEof.into()));
        assert!(matches!(lost().of_commit(), StoreError::Unknown(_)));
        assert!(matches!(lost().undone(), StoreError::Unavailable(_)));
    }

    #[test]
    fn what_was_not_sent_did_not_happen() {
        let refused = Failure::NotSent(sqlx::Error::Io(std::io::ErrorKind::ConnectionRefused.into()));
        assert!(matches!(refused.of_commit(), StoreError::Unavailable(_)));
        assert!(matches!(Failure::NotSent(sqlx::Error::PoolTimedOut).of_commit(), StoreError::Unavailable(_)));
    }
}
