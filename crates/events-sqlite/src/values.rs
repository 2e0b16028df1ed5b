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

/// An `INSERT`, or a script that begins with one, whose text has `{rows}` where its rows go.
pub(crate) struct Insert {
    text: &'static str,
    columns: usize,
    sized: [OnceLock<Arc<str>>; SIZES.len()],
}

impl Insert {
    /// The statement `text` for rows of `columns` values, of which the first is never null.
    pub(crate) const fn new(text: &'static str, columns: usize) -> Self {
        Self { text, columns, sized: [const { OnceLock::new() }; SIZES.len()] }
    }

    /// Inserts all `rows`, in their order.
    pub(crate) async fn run<R>(
        &self,
        connection: &mut SqliteConnection,
        rows: &[R],
        bind: impl Fn(&mut Values, &R) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        for chunk in rows.chunks(MOST) {
            let values = self.values(chunk, &bind)?;
            sqlx::query_with(self.text_for(chunk.len()), values.0).execute(&mut *connection).await?;
        }
        Ok(())
    }

    /// The script for at most [`MOST`] rows; what its other statements need is to be bound next.
    pub(crate) fn script<R>(
        &self,
        rows: &[R],
        bind: impl Fn(&mut Values, &R) -> Result<(), Failure>,
    ) -> Result<Query<'static, Sqlite, SqliteArguments>, Failure> {
        let mut values = self.values(rows, bind)?;
        for _ in values.0.len()..SIZES[size(rows.len())] * self.columns {
            values.push(None::<i64>)?;
        }
        Ok(sqlx::query_with(self.text_for(rows.len()), values.0))
    }

    fn values<R>(&self, rows: &[R], bind: impl Fn(&mut Values, &R) -> Result<(), Failure>) -> Result<Values, Failure> {
        let mut values = Values(SqliteArguments::default());
        values.0.reserve(rows.len() * self.columns, 0);
        for row in rows {
            bind(&mut values, row)?;
        }
        debug_assert_eq!(values.0.len(), rows.len() * self.columns, "a value for each column");
        Ok(values)
    }

    /// The text of the smallest statement with room for `rows` rows. What is not bound is NULL,
    /// and rows that begin with NULL are left out.
    fn text_for(&self, rows: usize) -> AssertSqlSafe<Arc<str>> {
        let at = size(rows);
        let text = self.sized[at].get_or_init(|| {
            let row = format!("({})", vec!["?"; self.columns].join(", "));
            self.text.replace("{rows}", &vec![row; SIZES[at]].join(", ")).into()
        });
        AssertSqlSafe(Arc::clone(text))
    }
}

/// Which of [`SIZES`] has room for so many rows.
fn size(rows: usize) -> usize {
    SIZES.iter().position(|size| rows <= *size).unwrap_or(SIZES.len() - 1)
}

/// Values in the order of the statement's parameters.
pub(crate) struct Values(SqliteArguments);

impl Values {
    /// Adds the value of the next column.
    pub(crate) fn push<'v>(&mut self, value: impl Encode<'v, Sqlite> + Type<Sqlite>) -> Result<(), Failure> {
        self.0.add(value).map_err(|error| Failure::Database(sqlx::Error::Encode(error)))
    }
}
