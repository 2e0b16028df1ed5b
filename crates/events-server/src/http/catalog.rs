//! `GET /api/v1/catalog`: known event types.

use axum::{Json, extract::State};
use events_core::{CatalogEntry, EventType};
use serde::Serialize;
use utoipa::ToSchema;

use super::{Api, auth::MayRead, problem::Problem};

/// All known types and aliases.
#[derive(Serialize, ToSchema)]
pub(super) struct CatalogList {
    /// One entry for each type, by name, with the JSON Schema of its payload.
    #[schema(value_type = Vec<Object>)]
    events: Vec<Described>,
    /// Other spellings, with the type they stand for.
    #[schema(value_type = Object)]
    aliases: std::collections::BTreeMap<EventType, EventType>,
}

#[derive(Serialize)]
struct Described {
    #[serde(flatten)]
    entry: CatalogEntry,
    schema: serde_json::Value,
}

/// Lists known event types.
#[utoipa::path(
    get, path = "/api/v1/catalog", tag = "catalog",
    responses((status = 200, body = CatalogList), (status = 401, body = Problem), (status = 403, body = Problem)),
)]
pub(super) async fn get_catalog(State(api): State<Api>, _caller: MayRead) -> Result<Json<CatalogList>, Problem> {
    let events =
        api.catalog.entries().map(|entry| Described { entry: entry.clone(), schema: entry.schema() }).collect();
    let aliases = api.catalog.aliases().map(|(alias, canonical)| (alias.clone(), canonical.clone())).collect();
    Ok(Json(CatalogList { events, aliases }))
}
