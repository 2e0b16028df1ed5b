//! Rows that a statement names one by one.
//!
//! PostgreSQL takes a list apart quickly once it has begun, but to begin with a dozen lists costs it more than to store a
//! row. So few rows are named one by one, in a statement for just as many; more of them are a list for each column.

/// The most rows that are named one by one.
pub(crate) const FEW: usize = 8;

/// So many rows of parameters of these types, the first of which has this number: `($3::uuid, $4::text), ($5::uuid, …)`.
pub(crate) fn rows(count: usize, first: usize, types: &[&str]) -> String {
    joined((0..count).map(|row| {
        let parameters = types.iter().enumerate().map(|(at, of)| format!("${}::{of}", first + row * types.len() + at));
        format!("({})", joined(parameters))
    }))
}

/// The parameters of one column of such rows: `$3, $14`.
pub(crate) fn column(count: usize, first: usize, types: &[&str], column: usize) -> String {
    joined((0..count).map(|row| format!("${}", first + row * types.len() + column)))
}

/// In a list, separated by commas.
pub(crate) fn joined(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(", ")
}
