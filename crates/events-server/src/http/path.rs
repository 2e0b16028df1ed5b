//! Paths: the part that names one thing.

use axum::{
    extract::{FromRequestParts, Path},
    http::request::Parts,
};

use super::problem::Problem;

/// Nothing has a longer name, in bytes. Refusals repeat names, so they are bounded by it.
const LONGEST: usize = 255;

/// The variable part of a path, as text.
pub(super) struct Name(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for Name {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let found = Path::<String>::from_request_parts(parts, state).await;
        let Path(name) = found.map_err(|_| Problem::not_found("the address is not UTF-8 text"))?;
        if name.len() > LONGEST {
            return Err(Problem::not_found(format!("nothing here has a name of {} bytes", name.len())));
        }
        Ok(Self(name))
    }
}
