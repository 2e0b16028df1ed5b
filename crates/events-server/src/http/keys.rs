//! `/api/v1/keys`: API keys. A key is shown once, when it is made.

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
};
use events_core::ports::{ApiKey, Scope};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Api, auth::MayAdmin, body::Object, openapi, path::Name, problem::Problem};
use crate::key::NewKey;

/// All keys, without their secrets.
#[derive(Serialize, ToSchema)]
pub(super) struct KeyList {
    #[schema(value_type = Vec<openapi::ApiKey>)]
    keys: Vec<ApiKey>,
}

/// A key to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct KeyRequest {
    /// What it is for.
    name: String,
    /// What it allows.
    #[schema(value_type = Vec<String>)]
    scopes: Vec<Scope>,
    /// The only organization it can see; also accepted as `tenant_id`.
    #[serde(alias = "organizationId", alias = "tenant_id", alias = "tenantId")]
    organization_id: Option<String>,
}

/// A key that was made.
#[derive(Serialize, ToSchema)]
pub(super) struct KeyMade {
    #[serde(flatten)]
    #[schema(value_type = openapi::ApiKey)]
    described: ApiKey,
    /// The key itself. It is shown this once.
    key: String,
}

/// Lists keys, oldest first.
#[utoipa::path(
    get, path = "/api/v1/keys", tag = "keys",
    responses((status = 200, body = KeyList), (status = 401, body = Problem), (status = 403, body = Problem)),
)]
pub(super) async fn list_keys(State(api): State<Api>, MayAdmin(caller): MayAdmin) -> Result<Json<KeyList>, Problem> {
    let mut keys = api.keys.list().await?;
    keys.retain(|key| caller.organization().is_none() || key.organization_id.as_deref() == caller.organization());
    Ok(Json(KeyList { keys }))
}

/// Makes a key.
#[utoipa::path(
    post, path = "/api/v1/keys", tag = "keys", request_body = KeyRequest,
    responses((status = 201, body = KeyMade), (status = 401, body = Problem), (status = 403, body = Problem), (status = 422, body = Problem)),
)]
pub(super) async fn create_key(
    State(api): State<Api>,
    MayAdmin(caller): MayAdmin,
    Object(request): Object<KeyRequest>,
) -> Result<impl IntoResponse + use<>, Problem> {
    let KeyRequest { name, mut scopes, organization_id } = request;
    check_name("name", &name)?;
    if let Some(organization_id) = &organization_id {
        check_name("organization_id", organization_id)?;
    }
    if scopes.is_empty() {
        return Err(Problem::invalid_field("scopes", "is empty; give at least one of publish, read, manage, admin"));
    }
    scopes.sort_unstable_by_key(|scope| *scope as u8);
    scopes.dedup();
    // A key of an organization makes keys of that organization only; without one, the key would see all.
    let organization_id = caller.scope_query(organization_id)?;
    let NewKey { described, secret, hash } = NewKey::generate(name, scopes, organization_id, api.clock.now());
    api.keys.put(described.clone(), hash).await?;
    let made = KeyMade { described, key: secret.expose_secret().to_owned() };
    Ok((StatusCode::CREATED, [(header::CACHE_CONTROL, "no-store")], Json(made)))
}

/// Names stand in lists, logs and messages.
fn check_name(field: &str, name: &str) -> Result<(), Problem> {
    if name.trim().is_empty() || name.len() > 255 || name.contains(char::is_control) {
        return Err(Problem::invalid_field(field, "must be 1 to 255 bytes of text without control characters"));
    }
    Ok(())
}

/// Deletes a key. It stops working at once.
#[utoipa::path(
    delete, path = "/api/v1/keys/{key_id}", tag = "keys", params(("key_id" = String, Path)),
    responses((status = 204), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem)),
)]
pub(super) async fn delete_key(
    State(api): State<Api>,
    MayAdmin(caller): MayAdmin,
    Name(key_id): Name,
) -> Result<StatusCode, Problem> {
    let missing = || Problem::not_found(format!("there is no key {key_id:?}"));
    let key = api.keys.list().await?.into_iter().find(|key| key.key_id == key_id).ok_or_else(missing)?;
    if caller.organization().is_some() && key.organization_id.as_deref() != caller.organization() {
        return Err(missing());
    }
    if api.keys.remove(&key_id).await? { Ok(StatusCode::NO_CONTENT) } else { Err(missing()) }
}
