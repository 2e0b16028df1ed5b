//! Who asks, and what they may do: API keys with scopes and an organization.

use aws_lc_rs::digest::{SHA256, digest};
use axum::{
    extract::FromRequestParts,
    http::{header::AUTHORIZATION, request::Parts},
};
use events_core::ports::{ApiKey, KeyHash, Scope};

use super::{Api, problem::Problem};

/// What is stored of a key. Keys are 256 random bits, so a plain hash is enough.
pub(crate) fn key_hash(key: &str) -> KeyHash {
    let mut hash = KeyHash::default();
    hash.copy_from_slice(digest(&SHA256, key.as_bytes()).as_ref());
    hash
}

/// The bearer of a valid key.
#[derive(Clone, Debug)]
pub(super) struct Caller(ApiKey);

impl FromRequestParts<Api> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let header = parts
            .headers
            .get(AUTHORIZATION)
            .ok_or_else(|| Problem::unauthorized("send an API key in the header `Authorization: Bearer <key>`"))?;
        let key = header.to_str().ok().and_then(|value| value.split_once(' '));
        let Some((_, key)) = key.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")) else {
            return Err(Problem::unauthorized("the header Authorization must be `Bearer <key>`"));
        };
        // Keys are found by their hash: comparing takes no time that depends on the key.
        let found = api.keys.find(&key_hash(key.trim())).await?;
        found.map(Self).ok_or_else(|| Problem::unauthorized("this API key is not known; it may have been deleted"))
    }
}

impl Caller {
    /// Refuses callers whose key lacks a scope.
    fn may(self, scope: Scope) -> Result<Self, Problem> {
        if self.0.allows(scope) {
            return Ok(self);
        }
        let word = serde_json::to_string(&scope).unwrap_or_default();
        Err(Problem::forbidden(format!("the key {:?} lacks the scope {word}", self.0.name)))
    }

    /// Refuses callers whose key is bound to an organization.
    fn for_all(self) -> Result<Self, Problem> {
        match self.organization() {
            None => Ok(self),
            Some(own) => Err(Problem::forbidden(format!(
                "all organizations share this, and the key {:?} is bound to {own:?}; use a key that is not bound",
                self.0.name
            ))),
        }
    }

    /// The name of the caller's key, for people.
    pub(super) fn name(&self) -> &str {
        &self.0.name
    }

    /// The id of the caller's key, for the log.
    pub(super) fn key_id(&self) -> &str {
        &self.0.key_id
    }

    /// The organization the caller is bound to.
    pub(super) fn organization(&self) -> Option<&str> {
        self.0.organization_id.as_deref()
    }

    /// The organization to restrict a query to: the caller's own, or the one asked for.
    pub(super) fn scope_query(&self, asked: Option<String>) -> Result<Option<String>, Problem> {
        match (self.organization(), asked) {
            (Some(own), Some(asked)) if own != asked => Err(self.other_organization(&asked).about("organization_id")),
            (Some(own), _) => Ok(Some(own.to_owned())),
            (None, asked) => Ok(asked),
        }
    }

    /// The refusal of anything that names another organization than the caller's.
    pub(super) fn other_organization(&self, asked: &str) -> Problem {
        let own = self.organization().unwrap_or_default();
        let detail = format!("the key {:?} belongs to the organization {own:?}, not to {asked:?}", self.0.name);
        Problem::forbidden(detail)
    }
}

/// A caller who was found to be allowed something. A handler that takes one cannot forget to ask,
/// and asks before the body is read.
macro_rules! permits {
    ($($(#[$doc:meta])* $name:ident: $check:expr;)*) => {$(
        $(#[$doc])*
        pub(super) struct $name(
            #[allow(dead_code, reason = "some handlers need not know who asks")] pub(super) Caller
        );

        impl FromRequestParts<Api> for $name {
            type Rejection = Problem;

            async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
                let check: fn(Caller) -> Result<Caller, Problem> = $check;
                check(Caller::from_request_parts(parts, api).await?).map(Self)
            }
        }
    )*};
}

permits! {
    /// May publish.
    MayPublish: |caller| caller.may(Scope::Publish);
    /// May read what its organization may see.
    MayRead: |caller| caller.may(Scope::Read);
    /// May change what becomes of its organization's deliveries.
    MayManage: |caller| caller.may(Scope::Manage);
    /// May make and delete keys of its organization.
    MayAdmin: |caller| caller.may(Scope::Admin);
    /// May read what all organizations share; none of them sees what concerns the others.
    MayReadAll: |caller| caller.may(Scope::Read)?.for_all();
    /// May change what all organizations share.
    MayManageAll: |caller| caller.may(Scope::Manage)?.for_all();
}
