//! What goes wrong, in the words of the port.

use events_core::StoreError;

/// Why a statement or the reading of its rows failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// SQLite or the driver refused.
    Database(sqlx::Error),
    /// A row does not hold what its column promises.
    Corrupt(String),
    /// Another connection stored one of the same events between our look and our insert.
    Raced,
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

impl Failure {
    /// The failure of something whose effect is known to be undone.
    pub(crate) fn undone(&self) -> StoreError {
        match self {
            Self::Corrupt(what) => StoreError::Corrupt(what.clone()),
            Self::Raced => StoreError::Unavailable("another connection stored the same events meanwhile".to_owned()),
            Self::Database(error) => match code(error) {
                Some(code) if is_full(code) => StoreError::Full(error.to_string()),
                Some(code) if matches!(code & 0xff, primary::CORRUPT | primary::NOTADB) => {
                    StoreError::Corrupt(error.to_string())
                }
                _ => StoreError::Unavailable(error.to_string()),
            },
        }
    }

    /// The failure of a commit, or of a statement that is its own commit: whether it reached
    /// the disk is unknown when the disk failed or the connection's thread died.
    pub(crate) fn of_commit(&self) -> StoreError {
        match self {
            Self::Database(error) if commit_is_unknown(error) => StoreError::Unknown(error.to_string()),
            other => other.undone(),
        }
    }

    /// Whether a UNIQUE index stands in the way.
    pub(crate) fn is_unique_violation(&self) -> bool {
        matches!(self, Self::Database(sqlx::Error::Database(error)) if error.is_unique_violation())
    }
}

/// Primary result codes of SQLite, <https://www.sqlite.org/rescode.html>.
mod primary {
    pub(super) const IOERR: i32 = 10;
    pub(super) const CORRUPT: i32 = 11;
    pub(super) const FULL: i32 = 13;
    pub(super) const NOTADB: i32 = 26;
}

/// The file that WAL readers and writers share could not grow.
const IOERR_SHMSIZE: i32 = 4_874;

fn is_full(code: i32) -> bool {
    code & 0xff == primary::FULL || code == IOERR_SHMSIZE
}

fn commit_is_unknown(error: &sqlx::Error) -> bool {
    match code(error) {
        Some(code) => code & 0xff == primary::IOERR && !is_full(code),
        None => matches!(error, sqlx::Error::WorkerCrashed | sqlx::Error::Io(_)),
    }
}

/// The extended result code, when it is SQLite that refused.
fn code(error: &sqlx::Error) -> Option<i32> {
    error.as_database_error()?.code()?.parse().ok()
}
