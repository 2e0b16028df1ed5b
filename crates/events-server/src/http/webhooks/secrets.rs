//! Secrets and public keys of subscriptions.

use axum::{Json, extract::State, http::header, response::IntoResponse};
use events_webhooks::manage::{IssuedSecret, PublicKeyRecord};
use jiff::Timestamp;
use secrecy::ExposeSecret;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Asked, request};
use crate::http::{
    Api,
    auth::{MayManage, MayRead},
    body::Text,
    openapi,
    path::Name,
    problem::Problem,
};

/// What a receiver needs for verifying.
#[derive(Serialize, ToSchema)]
pub(super) struct Issued {
    /// `whsec_…`, of signature `v1`.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
    /// `whpk_…`, of signature `v1a`.
    #[serde(skip_serializing_if = "Option::is_none")]
    public_key: Option<String>,
}

impl From<IssuedSecret> for Issued {
    fn from(issued: IssuedSecret) -> Self {
        Self {
            secret: issued.secret.map(|secret| secret.expose_secret().to_owned()),
            public_key: issued.public_key.map(|key| key.to_string()),
        }
    }
}

/// A secret that was added.
#[derive(Serialize, ToSchema)]
pub(super) struct Rotated {
    #[serde(flatten)]
    issued: Issued,
    /// `v1` or `v1a`.
    signature: &'static str,
    /// Until then the old secret signs, too.
    #[schema(value_type = String)]
    old_expires_at: Timestamp,
}

/// The secret that signs.
#[derive(Serialize, ToSchema)]
pub(super) struct Revealed {
    /// `whsec_…`, or the private key `whsk_…` of signature `v1a`.
    secret: String,
    /// `v1` or `v1a`.
    signature: &'static str,
    #[schema(value_type = String)]
    created_at: Timestamp,
}

/// Public keys that verify what is sent, newest first.
#[derive(Serialize, ToSchema)]
pub(super) struct PublicKeyList {
    public_keys: Vec<PublicKeyShape>,
}

/// A public key.
#[derive(Serialize, ToSchema)]
pub(super) struct PublicKeyShape {
    /// `whpk_…`.
    public_key: String,
    #[schema(value_type = String)]
    created_at: Timestamp,
    /// From then on nothing is signed with it; absent: it is the current one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    expires_at: Option<Timestamp>,
}

impl From<PublicKeyRecord> for PublicKeyShape {
    fn from(record: PublicKeyRecord) -> Self {
        Self { public_key: record.public_key.to_string(), created_at: record.created_at, expires_at: record.expires_at }
    }
}

/// Replaces the secret: with the given one, or a new one. Until the end of the grace, both sign.
#[utoipa::path(
    post, path = "/api/v1/webhooks/subscriptions/{subscription_id}/rotate", tag = "webhooks",
    request_body = openapi::WebhookRotation, params(("subscription_id" = String, Path)),
    responses(
        (status = 200, body = Rotated), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 404, body = Problem), (status = 422, body = Problem),
        (status = 501, body = Problem),
    ),
)]
pub(super) async fn rotate_secret(
    State(api): State<Api>,
    MayManage(caller): MayManage,
    Name(id): Name,
    Text(body): Text,
) -> Result<impl IntoResponse + use<>, Problem> {
    let Asked { webhooks, id, organization_id } = Asked::of(&api, &caller, &id)?;
    let (issued, old_expires_at) = webhooks.rotate(id, organization_id, request::rotation(&body)?).await?;
    let rotated = Rotated { signature: issued.scheme.as_str(), issued: issued.into(), old_expires_at };
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(rotated)))
}

/// Shows the secret that signs. Who asked is written to the log, under the target `audit`.
#[utoipa::path(
    post, path = "/api/v1/webhooks/subscriptions/{subscription_id}/secret", tag = "webhooks",
    params(("subscription_id" = String, Path)),
    responses(
        (status = 200, body = Revealed), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 404, body = Problem), (status = 501, body = Problem),
    ),
)]
pub(super) async fn reveal_secret(
    State(api): State<Api>,
    MayManage(caller): MayManage,
    Name(id): Name,
) -> Result<impl IntoResponse + use<>, Problem> {
    let Asked { webhooks, id, organization_id } = Asked::of(&api, &caller, &id)?;
    let (secret, stored) = webhooks.reveal(id, organization_id, caller.key_id()).await?;
    let revealed = Revealed {
        secret: secret.expose_secret().to_owned(),
        signature: stored.scheme.as_str(),
        created_at: stored.created_at,
    };
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(revealed)))
}

/// The public keys that verify what is sent now, newest first; none with signature `v1`.
#[utoipa::path(
    get, path = "/api/v1/webhooks/subscriptions/{subscription_id}/public-keys", tag = "webhooks",
    params(("subscription_id" = String, Path)),
    responses(
        (status = 200, body = PublicKeyList), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 404, body = Problem), (status = 501, body = Problem),
    ),
)]
pub(super) async fn list_public_keys(
    State(api): State<Api>,
    MayRead(caller): MayRead,
    Name(id): Name,
) -> Result<Json<PublicKeyList>, Problem> {
    let Asked { webhooks, id, organization_id } = Asked::of(&api, &caller, &id)?;
    let keys = webhooks.public_keys(id, organization_id).await?;
    Ok(Json(PublicKeyList { public_keys: keys.into_iter().map(Into::into).collect() }))
}
