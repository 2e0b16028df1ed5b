//! Lists with filters: a statement of what is asked for, and the page that it answers.

use events_core::{
    Pattern, StoreError,
    ports::{Page, PageRequest},
};
use sqlx::{
    Arguments, AssertSqlSafe, Encode, Postgres, Type,
    postgres::{PgArguments, PgRow},
};

use crate::{database::Database, error::Failure};

/// A statement of which only the conditions that restrict are written, so that PostgreSQL chooses
/// the index for what is asked. Its first two arguments are the
/// rows of the page, one more than asked for, and the rows to pass over.
pub(crate) struct Filters {
    text: String,
    conditions: String,
    arguments: PgArguments,
}

impl Filters {
    /// The statement `text`, which has `{filters}` wherever the conditions go.
    pub(crate) fn new(text: impl Into<String>, page: &PageRequest) -> Result<Self, Failure> {
        let mut filters = Self { text: text.into(), conditions: String::new(), arguments: PgArguments::default() };
        filters.argument(crate::count(page.limit.saturating_add(1)))?;
        filters.argument(crate::count(page.offset))?;
        Ok(filters)
    }

    /// Adds an argument that the statement names itself; answers its name.
    pub(crate) fn argument<'v>(
        &mut self,
        value: impl Encode<'v, Postgres> + Type<Postgres>,
    ) -> Result<String, Failure> {
        self.arguments.add(value).map_err(Failure::encode)?;
        Ok(format!("${}", self.arguments.len()))
    }

    /// Restricts to `condition`, when there is a value; `{}` stands for the value.
    pub(crate) fn and<'v, T>(&mut self, condition: &str, value: Option<T>) -> Result<(), Failure>
    where
        T: Encode<'v, Postgres> + Type<Postgres>,
    {
        if let Some(value) = value {
            let name = self.argument(value)?;
            self.and_condition(&condition.replace("{}", &name));
        }
        Ok(())
    }

    /// Restricts to `condition`, whose values have been added.
    pub(crate) fn and_condition(&mut self, condition: &str) {
        self.conditions.push_str("\n    AND ");
        self.conditions.push_str(condition);
    }

    /// The condition that an event has one of these types; `None` when there are none. Its values are added.
    pub(crate) fn of_types(&mut self, patterns: &[Pattern]) -> Result<Option<String>, Failure> {
        let mut any = Vec::new();
        for pattern in patterns {
            any.push(match pattern {
                Pattern::All => "true".to_owned(),
                Pattern::Exact(event_type) => format!("event_type = {}", self.argument(event_type.as_str())?),
                Pattern::Prefix(prefix) => {
                    // The prefix ends in a dot; the character after the dot ends the range.
                    let end = format!("{}/", prefix.trim_end_matches('.'));
                    let from = self.argument(&**prefix)?;
                    format!("(event_type >= {from} AND event_type < {})", self.argument(end)?)
                }
            });
        }
        Ok((!any.is_empty()).then(|| format!("({})", any.join(" OR "))))
    }

    /// Reads the page. `cursor_of` says how a row is found again.
    pub(crate) async fn page<T>(
        self,
        database: &Database,
        limit: usize,
        read: impl Fn(&PgRow) -> Result<T, Failure>,
        cursor_of: impl Fn(&T) -> i64,
    ) -> Result<Page<T>, StoreError> {
        let text = database.schema.qualified(&self.text.replace("{filters}", &self.conditions));
        let rows = database.read(AssertSqlSafe(text.into()), self.arguments).await?;
        let items = rows.iter().map(read).collect::<Result<Vec<T>, _>>();
        let mut items = items.map_err(|failure| failure.undone())?;
        let more = items.len() > limit;
        items.truncate(limit);
        Ok(Page { next: items.last().map(cursor_of).filter(|_| more), items })
    }
}
