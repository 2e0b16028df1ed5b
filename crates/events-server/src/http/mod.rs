//! The HTTP API: one module for each resource, and what they share.

mod auth;
mod batch;
mod body;
mod catalog;
mod connections;
mod dead_letters;
mod deliveries;
mod event_detail;
mod event_list;
mod headers;
mod health;
mod keys;
mod openapi;
mod paging;
mod path;
mod problem;
mod publish;
mod targets;
mod webhooks;

use std::{sync::Arc, time::Duration};

use axum::{
    Extension,
    extract::{DefaultBodyLimit, Request},
    http::HeaderName,
    middleware::{Next, from_fn},
    response::{IntoResponse, Response},
};
use events_core::{
    Catalog, Clock, Engine, EventHistory, EventStore, Publisher,
    ports::{ApiKeys, Replays, Statistics, TargetStates, WebhookSubscriptions},
};
use events_webhooks::manage::Webhooks;
use tower_http::{
    catch_panic::CatchPanicLayer,
    request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer},
    trace::TraceLayer,
};
use utoipa::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};

pub(crate) use auth::key_hash;
pub(crate) use connections::serve;
pub(crate) use health::LastLook;

/// A request that takes longer, its body included, is answered with 503; publishing is safe to
/// repeat with a key.
const TIMEOUT: Duration = Duration::from_secs(30);

/// What the API works with.
#[derive(Clone)]
pub(crate) struct Api {
    pub(crate) engine: Arc<Engine>,
    pub(crate) publisher: Publisher,
    pub(crate) store: Arc<dyn EventStore>,
    pub(crate) history: Arc<dyn EventHistory>,
    pub(crate) targets: Arc<dyn TargetStates>,
    pub(crate) subscriptions: Arc<dyn WebhookSubscriptions>,
    pub(crate) replays: Arc<dyn Replays>,
    pub(crate) statistics: Arc<dyn Statistics>,
    pub(crate) keys: Arc<dyn ApiKeys>,
    pub(crate) catalog: Arc<Catalog>,
    /// Absent while no key is configured that would seal secrets.
    pub(crate) webhooks: Option<Webhooks>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) last_look: LastLook,
}

/// The routes, and the document that describes them: those of health, and all others where the API is served.
pub(crate) fn routes(api: Api, serves_api: bool, max_body_bytes: usize) -> axum::Router {
    let health = OpenApiRouter::with_openapi(openapi::Document::openapi())
        .routes(routes!(health::health))
        .routes(routes!(health::live))
        .routes(routes!(health::ready));
    let routes = if serves_api { health.merge(api_routes()) } else { health };
    let (router, document) = routes.split_for_parts();
    let document = openapi::Text(serde_json::to_vec(&document).unwrap_or_default().into());
    let request_id = HeaderName::from_static("x-request-id");
    router
        .fallback(problem::no_such_route)
        .method_not_allowed_fallback(problem::method_not_allowed)
        .with_state(api)
        .layer(Extension(document))
        .layer(DefaultBodyLimit::max(max_body_bytes))
        .layer(CatchPanicLayer::custom(problem::panicked))
        .layer(from_fn(within_timeout))
        // Failures are logged where they happen.
        .layer(TraceLayer::new_for_http().make_span_with(span).on_failure(()))
        .layer(PropagateRequestIdLayer::new(request_id.clone()))
        .layer(SetRequestIdLayer::new(request_id, MakeRequestUuid))
}

fn api_routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(publish::publish_events, event_list::list_events))
        .routes(routes!(event_list::timeline))
        .routes(routes!(event_detail::get_event))
        .routes(routes!(deliveries::list_deliveries))
        .routes(routes!(deliveries::list_attempts))
        .routes(routes!(dead_letters::list_dead_letters))
        .routes(routes!(dead_letters::get_dead_letter))
        .routes(routes!(dead_letters::redrive))
        .routes(routes!(targets::list_targets))
        .routes(routes!(targets::resume_targets))
        .routes(routes!(keys::list_keys, keys::create_key))
        .routes(routes!(keys::delete_key))
        .routes(routes!(catalog::get_catalog))
        .routes(routes!(health::get_stats))
        .merge(webhooks::routes())
        .routes(routes!(openapi::get_document))
}

async fn within_timeout(request: Request, next: Next) -> Response {
    let answer = tokio::time::timeout(TIMEOUT, next.run(request)).await;
    answer.unwrap_or_else(|_| {
        tracing::error!("Failed to answer a request within {} s", TIMEOUT.as_secs());
        problem::Problem::timed_out(TIMEOUT).into_response()
    })
}

/// The span of a request names method, path and id, as far as they are of a sensible length.
/// Queries stay out: they may hold personal data.
fn span<B>(request: &axum::http::Request<B>) -> tracing::Span {
    fn beginning(text: &str) -> &str {
        text.get(..200).unwrap_or(text)
    }
    let id = request.headers().get("x-request-id").and_then(|id| id.to_str().ok()).unwrap_or_default();
    let path = request.uri().path();
    tracing::info_span!("request", method = %request.method(), path = beginning(path), id = beginning(id))
}

#[cfg(test)]
mod tests {
    use axum::{Router, routing::get};
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::{TcpListener, TcpStream},
    };

    use super::*;

    #[tokio::test]
    async fn a_request_that_takes_too_long_is_a_problem_too() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let router = Router::new().route("/", get(async || std::future::pending::<()>().await));
        let router = router.layer(from_fn(within_timeout));
        tokio::spawn(serve(listener, router, std::future::pending(), TIMEOUT));
        client.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
        tokio::time::pause(); // from now on, time passes as soon as everybody waits
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("application/problem+json"), "{answer}");
        assert!(answer.contains("\"code\":\"timeout\"") && answer.contains("retry-after: 1"), "{answer}");
    }
}
