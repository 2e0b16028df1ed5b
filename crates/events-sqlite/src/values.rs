//! Statements that insert many rows at once.

use std::sync::{Arc, OnceLock};

use sqlx::{
    Arguments, AssertSqlSafe, Encode, Sqlite, Type,
    query::Query,
    sqlite::{SqliteArguments, SqliteConnection},
};

use crate::error::Failure;

/// Rows a statement has room for. Few sizes keep the cache of prepared statements small; a row of
/// a statement that is not used costs a tenth of one that is.
const SIZES: [usize; 5] = [1, 8, 64, 256, 512];

/// Most rows in one statement.
pub(crate) const MOST: usize = 512;

/// An `INSERT`, or a script with one, whose text has `{rows}` where its rows go.
pub(crate) struct Insert {
    text: &'static str,
    /// Parameters that are not of the rows; they come first.
    shared: usize,
    columns: usize,
    sized: [OnceLock<Arc<str>>; SIZES.len()],
}

impl Insert {
    /// The statement `text` for rows of `columns` values, of which the first is never null.
    pub(crate) const fn new(text: &'static str, columns: usize) -> Self {
        Self::with_shared(text, 0, columns)
    }

    /// The same for a text that has `shared` parameters beside those of the rows.
    pub(crate) const fn with_shared(text: &'static str, shared: usize, columns: usize) -> Self {
        Self { text, shared, columns, sized: [const { OnceLock::new() }; SIZES.len()] }
    }

    /// Inserts all `rows`, in their order.
    pub(crate) async fn run<R>(
        &self,
        connection: &mut SqliteConnection,
        rows: &[R],
        bind: impl Fn(&mut Values, &R) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        for chunk in rows.chunks(MOST) {
            self.query(Values::default(), chunk, &bind)?.execute(&mut *connection).await?;
        }
        Ok(())
    }

    /// The query that inserts `rows`, at most [`MOST`], with the values it shares among them.
    pub(crate) fn query<R>(
        &self,
        shared: Values,
        rows: &[R],
        bind: impl Fn(&mut Values, &R) -> Result<(), Failure>,
    ) -> Result<Query<'static, Sqlite, SqliteArguments>, Failure> {
        let mut values = shared;
        values.0.reserve(rows.len() * self.columns, 0);
        for row in rows {
            bind(&mut values, row)?;
        }
        debug_assert_eq!(values.0.len(), self.shared + rows.len() * self.columns, "a value for each parameter");
        Ok(sqlx::query_with(AssertSqlSafe(self.text_for(rows.len())), values.0))
    }

    /// The text of the smallest statement with room for `rows` rows. What is not bound is NULL,
    /// and rows that begin with NULL are left out.
    fn text_for(&self, rows: usize) -> Arc<str> {
        let at = SIZES.iter().position(|size| rows <= *size).unwrap_or(SIZES.len() - 1);
        let text = self.sized[at].get_or_init(|| {
            let row = |row: usize| {
                let first = self.shared + row * self.columns + 1;
                let parameters: Vec<_> = (first..first + self.columns).map(|number| format!("${number}")).collect();
                format!("({})", parameters.join(", "))
            };
            self.text.replace("{rows}", &(0..SIZES[at]).map(row).collect::<Vec<_>>().join(", ")).into()
        });
        Arc::clone(text)
    }
}

/// Values in the order of the statement's parameters.
#[derive(Default)]
pub(crate) struct Values(SqliteArguments);

impl Values {
    /// Adds the value of the next column.
    pub(crate) fn push<'v>(&mut self, value: impl Encode<'v, Sqlite> + Type<Sqlite>) -> Result<(), Failure> {
        self.0.add(value).map_err(|error| Failure::Database(sqlx::Error::Encode(error)))
    }
}
