//! Where a server under test keeps its events.

use std::hash::{BuildHasher, RandomState};

use crate::Postgres;

/// A store that nobody else uses.
#[derive(Clone, Debug)]
pub enum Store {
    /// A file in the home of its server.
    Sqlite,
    /// A schema in a PostgreSQL database.
    Postgres {
        /// The address of the database.
        database: String,
        /// The schema.
        schema: String,
    },
}

impl Store {
    /// A fresh schema on the server that all tests of this process share; `None` when there is none, which the run has
    /// announced.
    #[must_use]
    pub fn postgres() -> Option<Self> {
        Postgres::shared_url().map(Self::postgres_at)
    }

    /// A fresh schema in this database.
    #[must_use]
    pub fn postgres_at(database: String) -> Self {
        let schema = format!("test_{:016x}", RandomState::new().hash_one(std::process::id()));
        Self::Postgres { database, schema }
    }

    /// The value of `DATABASE_URL`; `None` where the default is meant.
    pub(crate) fn url(&self) -> Option<String> {
        let Self::Postgres { database, schema } = self else { return None };
        let separator = if database.contains('?') { '&' } else { '?' };
        Some(format!("{database}{separator}schema={schema}"))
    }
}

/// The same tests on each store, once in a module `sqlite` and once in a module `postgres`: functions
/// `async fn name(store: Store)`.
#[macro_export]
macro_rules! on_each_store {
    ($($name:ident),+ $(,)?) => {
        mod sqlite {$(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name($crate::Store::Sqlite).await;
            }
        )+}

        mod postgres {$(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let Some(store) = $crate::Store::postgres() else { return };
                super::$name(store).await;
            }
        )+}
    };
}
