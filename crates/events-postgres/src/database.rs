//! Connections: how a statement is run so that a caller may go away at any moment.

use std::sync::Arc;

use events_core::StoreError;
use futures_util::TryStreamExt;
use sqlx::{
    AssertSqlSafe, Connection, Either, Executor, Postgres, Transaction,
    postgres::{PgArguments, PgConnection, PgRow},
    query::Query,
};

use crate::{
    connections::{Connections, Lent},
    error::Failure,
    options::{FILLS_OUTBOX, NO_SCANS, PLAN_ONCE, PgOptions},
    schema::Schema,
};

/// Runs of one statement that waits for another one in a circle.
const TRIES: u32 = 5;

/// The database as the store uses it.
///
/// A change is one statement, which PostgreSQL commits by itself: a caller that goes away in the middle
/// leaves it to be finished or undone as a whole, and no transaction is left open on the connection.
/// sqlx 0.9 hands out a connection with an open transaction when a caller goes away while one is begun,
/// so what needs a transaction runs in a task of its own.
#[derive(Clone, Debug)]
pub(crate) struct Database {
    pub(crate) schema: Arc<Schema>,
    working: Connections,
    reading: Connections,
    /// Behind a pooler: what begins a transaction and makes the settings for it.
    begin: Option<Arc<str>>,
}

/// Arguments of a statement, in order.
macro_rules! arguments {
    ($($value:expr),* $(,)?) => {{
        #[allow(unused_mut)]
        let mut arguments = sqlx::postgres::PgArguments::default();
        $crate::database::add!(&mut arguments, $($value),*);
        arguments
    }};
}
pub(crate) use arguments;

/// Adds values to arguments, in order.
macro_rules! add {
    ($arguments:expr, $($value:expr),* $(,)?) => {{
        $(sqlx::Arguments::add($arguments, $value).map_err($crate::error::Failure::encode)?;)*
    }};
}
pub(crate) use add;

impl Database {
    /// Pools for these options; connections are made when they are needed.
    pub(crate) fn new(options: &PgOptions, schema: Schema, settings: &[(&'static str, String)]) -> Self {
        let owned = |(name, value): (&'static str, &str)| (name, value.to_owned());
        let mut for_work: Vec<_> = settings.iter().cloned().chain(NO_SCANS.map(owned)).collect();
        for_work.push(owned(FILLS_OUTBOX));
        let pool = |most, settings: &[_]| Connections::new(options.connecting(settings), most);
        let begin = options.pooler.then(|| {
            let local: Vec<_> = for_work.iter().map(|(name, value)| format!("SET LOCAL {name} = '{value}'")).collect();
            format!("BEGIN; {}", local.join("; ")).into()
        });
        for_work.push(owned(PLAN_ONCE));
        Self {
            schema: Arc::new(schema),
            working: pool(options.working, &for_work),
            reading: pool(options.reading, settings),
            begin,
        }
    }

    /// Runs a statement of `src/queries` that changes something; answers its rows once it is committed.
    pub(crate) async fn change(&self, text: &'static str, arguments: PgArguments) -> Result<Vec<PgRow>, Failure> {
        Ok(self.run_again(&self.working, self.schema.statement(text), arguments).await?.rows)
    }

    /// The same for a statement that answers no rows, which PostgreSQL need not keep until it sends them. Answers how
    /// many it changed.
    pub(crate) async fn change_count(&self, text: &'static str, arguments: PgArguments) -> Result<u64, Failure> {
        Ok(self.run_again(&self.working, self.schema.statement(text), arguments).await?.changed)
    }

    /// Runs a hot statement that changes nothing.
    pub(crate) async fn look(&self, text: &'static str, arguments: PgArguments) -> Result<Vec<PgRow>, StoreError> {
        let ran = self.run_again(&self.working, self.schema.statement(text), arguments).await;
        Ok(ran.map_err(|failure| failure.undone())?.rows)
    }

    /// Runs a statement for people who look, on the connections that are there for them.
    pub(crate) async fn read(
        &self,
        text: AssertSqlSafe<Arc<str>>,
        arguments: PgArguments,
    ) -> Result<Vec<PgRow>, StoreError> {
        let ran = self.run_again(&self.reading, text, arguments).await;
        Ok(ran.map_err(|failure| failure.undone())?.rows)
    }

    /// Runs a statement of the program's own making that changes something.
    pub(crate) async fn change_with(&self, text: String, arguments: PgArguments) -> Result<Vec<PgRow>, Failure> {
        Ok(self.run_again(&self.working, AssertSqlSafe(self.schema.qualified(&text).into()), arguments).await?.rows)
    }

    /// Runs a statement; again when it and another one waited for each other.
    async fn run_again(
        &self,
        pool: &Connections,
        text: AssertSqlSafe<Arc<str>>,
        arguments: PgArguments,
    ) -> Result<Ran, Failure> {
        let mut tries = 1;
        loop {
            match self.run(pool, AssertSqlSafe(Arc::clone(&text.0)), arguments.clone()).await {
                Err(failure) if failure.is_worth_repeating() && tries < TRIES => tries += 1,
                answer => return answer,
            }
        }
    }

    /// All rows are read to the end, whatever is needed of them: PostgreSQL sends the rows of a
    /// statement before it commits it.
    async fn run(
        &self,
        pool: &Connections,
        text: AssertSqlSafe<Arc<str>>,
        arguments: PgArguments,
    ) -> Result<Ran, Failure> {
        let Some(begin) = &self.begin else {
            let mut connection = pool.lend().await.map_err(Failure::NotSent)?;
            let ran = Ran::of(&mut connection, sqlx::query_with(text, arguments)).await?;
            connection.give_back();
            return Ok(ran);
        };
        let (pool, begin) = (pool.clone(), Arc::clone(begin));
        let whole = tokio::spawn(async move {
            let mut connection = pool.lend().await.map_err(Failure::NotSent)?;
            let ran = run_in_transaction(&mut connection, begin, text, arguments).await;
            if ran.is_ok() || connection.execute("ROLLBACK").await.is_ok() {
                connection.give_back();
            } else {
                connection.discard().await;
            }
            ran
        });
        whole.await.unwrap_or_else(|stopped| Err(Failure::Database(sqlx::Error::Protocol(stopped.to_string()))))
    }

    /// A connection for a task that needs a transaction; see the type.
    pub(crate) async fn connection(&self) -> Result<Lent, Failure> {
        self.working.lend().await.map_err(Failure::NotSent)
    }

    /// Begins a transaction on a connection of [`Self::connection`], with the limits of every other one.
    pub(crate) async fn begin<'c>(
        &self,
        connection: &'c mut PgConnection,
    ) -> Result<Transaction<'c, Postgres>, sqlx::Error> {
        match &self.begin {
            Some(begin) => connection.begin_with(AssertSqlSafe(Arc::clone(begin))).await,
            None => connection.begin().await,
        }
    }

    /// Closes the connections, after what they are doing.
    pub(crate) async fn close(&self) {
        self.working.close().await;
        self.reading.close().await;
    }
}

/// What came of a statement.
struct Ran {
    rows: Vec<PgRow>,
    changed: u64,
}

impl Ran {
    /// Runs it and reads to the end.
    async fn of(connection: &mut PgConnection, query: Query<'_, Postgres, PgArguments>) -> Result<Self, sqlx::Error> {
        let mut ran = Self { rows: Vec::new(), changed: 0 };
        let mut answers = connection.fetch_many(query);
        while let Some(answer) = answers.try_next().await? {
            match answer {
                Either::Left(end) => ran.changed += end.rows_affected(),
                Either::Right(row) => ran.rows.push(row),
            }
        }
        Ok(ran)
    }
}

async fn run_in_transaction(
    connection: &mut PgConnection,
    begin: Arc<str>,
    text: AssertSqlSafe<Arc<str>>,
    arguments: PgArguments,
) -> Result<Ran, Failure> {
    connection.execute(AssertSqlSafe(begin)).await.map_err(Failure::NotSent)?;
    let ran = Ran::of(connection, sqlx::query_with(text, arguments).persistent(false)).await?;
    connection.execute("COMMIT").await?;
    Ok(ran)
}
