//! The OpenAPI document, which describes every route.
//!
//! The core knows nothing of OpenAPI, so [`shapes`] describes its types, field by field. A test
//! holds real answers against these descriptions.

mod parameters;
mod shapes;
mod webhooks;

use axum::{Extension, body::Bytes, http::header::CONTENT_TYPE, response::IntoResponse};
use utoipa::{
    Modify, OpenApi,
    openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
};

pub(super) use self::{
    parameters::{DeadLetterParameters, DeliveryParameters, TimelineParameters},
    shapes::{ApiKey, Attempt, DeadLetter, Delivery, Depth, Event, Publish, TargetState, WhyNot},
    webhooks::{
        ExplainRequest, FilterExplanation, NewWebhookSubscription, WebhookRotation, WebhookSubscriptionChanges,
        WebhookSubscriptionParameters,
    },
};

/// The document without its paths, which come from the routes.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "events",
        description = "Publish what happened once; everyone who should know learns of it. \
                       All calls but /health and /openapi.json need an API key. Errors are application/problem+json."
    ),
    modifiers(&ApiKeySecurity),
    security(("api_key" = []))
)]
pub(super) struct Document;

struct ApiKeySecurity;

impl Modify for ApiKeySecurity {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build());
        document.components.get_or_insert_default().add_security_scheme("api_key", scheme);
    }
}

/// The finished document as JSON text, written once.
#[derive(Clone)]
pub(super) struct Text(pub(super) Bytes);

/// This document.
#[utoipa::path(
    get, path = "/openapi.json", tag = "api", security(()),
    responses((status = 200, body = Object, content_type = "application/json")),
)]
pub(super) async fn get_document(Extension(Text(document)): Extension<Text>) -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], document)
}
