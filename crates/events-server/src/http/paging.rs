//! Queries: parameters by name, both spellings, with limits and cursors.

use std::{future::Future, str::FromStr};

use events_core::{
    StoreError,
    ports::{Page, PageRequest},
};

use super::problem::Problem;

/// Rows in a page unless the caller says otherwise (R223), and at most (C44).
const DEFAULT_LIMIT: usize = 50;
const MAX_LIMIT: usize = 1000;
/// Rows to pass over at most: the store walks over each of them.
const MAX_OFFSET: usize = 1_000_000;
/// Rows read at once, and bytes of events from which on a page ends early. A thousand events of
/// the largest size would be hundreds of megabytes.
const CHUNK: usize = 100;
const PAGE_BYTES: usize = 8 * 1024 * 1024;

/// Reads a page in chunks. It ends before its limit when its rows weigh too much; `next` leads on.
pub(super) async fn gather<T, F: Future<Output = Result<Page<T>, StoreError>>>(
    mut page: PageRequest,
    weight: impl Fn(&T) -> usize,
    read: impl Fn(PageRequest) -> F,
) -> Result<Page<T>, StoreError> {
    let wanted = page.limit;
    let (mut rows, mut bytes) = (Vec::new(), 0);
    loop {
        page.limit = CHUNK.min(wanted - rows.len());
        let Page { items, next } = read(page.clone()).await?;
        bytes += items.iter().map(&weight).sum::<usize>();
        rows.extend(items);
        if next.is_none() || rows.len() >= wanted || bytes > PAGE_BYTES {
            return Ok(Page { items: rows, next });
        }
        (page.offset, page.cursor) = (0, next);
    }
}

/// The parameters of a query string; each is taken out once, and what is left over is refused.
pub(super) struct Parameters(Vec<(String, String)>);

impl Parameters {
    pub(super) fn of(query: Option<String>) -> Self {
        let pairs = url::form_urlencoded::parse(query.as_deref().unwrap_or_default().as_bytes());
        Self(pairs.into_owned().collect())
    }

    /// All values under any of these names, split at commas.
    pub(super) fn list(&mut self, names: &[&str]) -> Vec<String> {
        let (taken, left) =
            std::mem::take(&mut self.0).into_iter().partition(|(name, _)| names.contains(&name.as_str()));
        self.0 = left;
        let taken: Vec<(String, String)> = taken;
        let values = taken.iter().flat_map(|(_, value)| value.split(','));
        values.map(|value| value.trim().to_owned()).filter(|value| !value.is_empty()).collect()
    }

    /// The one value under any of these names.
    pub(super) fn text(&mut self, names: &[&str]) -> Result<Option<String>, Problem> {
        let (taken, left) =
            std::mem::take(&mut self.0).into_iter().partition(|(name, _)| names.contains(&name.as_str()));
        self.0 = left;
        let mut taken: Vec<(String, String)> = taken;
        match taken.len() {
            0 => Ok(None),
            1 => Ok(taken.pop().map(|(_, value)| value).filter(|value| !value.is_empty())),
            _ => Err(Problem::invalid_field(names[0], "is given more than once; give it once")),
        }
    }

    /// The one value, parsed.
    pub(super) fn value<T: FromStr>(&mut self, names: &[&str], expected: &str) -> Result<Option<T>, Problem> {
        let Some(text) = self.text(names)? else { return Ok(None) };
        let shown: String = text.chars().take(60).collect();
        let wrong = |_| Problem::invalid_field(names[0], format!("must be {expected}, but is {shown:?}"));
        text.parse().map(Some).map_err(wrong)
    }

    /// One of a few words, as JSON spells them.
    pub(super) fn word<T: serde::de::DeserializeOwned>(
        &mut self,
        names: &[&str],
        allowed: &str,
    ) -> Result<Option<T>, Problem> {
        let Some(text) = self.text(names)? else { return Ok(None) };
        let shown: String = text.chars().take(60).collect();
        serde_json::from_value(text.into())
            .map(Some)
            .map_err(|_| Problem::invalid_field(names[0], format!("must be one of {allowed}, but is {shown:?}")))
    }

    /// `limit`, `offset` and `cursor`.
    pub(super) fn page(&mut self) -> Result<PageRequest, Problem> {
        let limit = self.value(&["limit"], "a number from 1 to 1000")?.unwrap_or(DEFAULT_LIMIT);
        if !(1..=MAX_LIMIT).contains(&limit) {
            return Err(Problem::invalid_field(
                "limit",
                format!("must be a number from 1 to {MAX_LIMIT}, but is {limit}"),
            ));
        }
        let offset = self.value(&["offset"], "a number, 0 or more")?.unwrap_or(0);
        if offset > MAX_OFFSET {
            let problem = format!("must be at most {MAX_OFFSET}, but is {offset}; go on with `cursor` instead");
            return Err(Problem::invalid_field("offset", problem));
        }
        let cursor = self.value(&["cursor"], "the `next` of the page before")?;
        Ok(PageRequest { limit, offset, cursor })
    }

    /// Whether this parameter is given.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(given, _)| given == name)
    }

    /// Refuses parameters that nobody took.
    pub(super) fn finish(self, allowed: &str) -> Result<(), Problem> {
        match self.0.first() {
            None => Ok(()),
            Some((name, _)) => {
                let shown: String = name.chars().take(60).collect();
                Err(Problem::invalid_field(&shown, format!("is not a parameter here; the parameters are {allowed}")))
            }
        }
    }
}
