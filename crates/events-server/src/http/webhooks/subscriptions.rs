//! Subscriptions: made, listed, read, changed, deleted.

use axum::{
    Json,
    extract::{RawQuery, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use events_core::{
    ports::{Page, SubscriptionQuery},
    webhooks::Subscription,
};
use events_webhooks::manage::Created;
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    Asked,
    figures::WebhookFigures,
    request,
    secrets::Issued,
    shapes::{EndpointCall, WebhookSubscription},
    statistics,
};
use crate::http::{
    Api,
    auth::{MayManage, MayRead},
    body::Text,
    openapi,
    paging::{Parameters, gather},
    path::Name,
    problem::Problem,
};

/// A part of the subscriptions.
#[derive(Serialize, ToSchema)]
pub(super) struct WebhookSubscriptionList {
    subscriptions: Vec<WebhookSubscriptionListed>,
    /// `cursor` of the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<i64>,
}

/// A subscription in a list.
#[derive(Serialize, ToSchema)]
pub(super) struct WebhookSubscriptionListed {
    #[serde(flatten)]
    subscription: WebhookSubscription,
    /// How its deliveries did: today, UTC, and the six days before.
    last_7_days: WebhookFigures,
}

/// A subscription that was made. Its secret is shown this once.
#[derive(Serialize, ToSchema)]
pub(super) struct WebhookSubscriptionMade {
    #[serde(flatten)]
    subscription: WebhookSubscription,
    #[serde(flatten)]
    issued: Issued,
    /// What the endpoint answered to its challenge, where one was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    challenge: Option<EndpointCall>,
}

/// Makes a subscription. `url` and `events` are enough.
///
/// The answer holds the secret that signs (`whsec_…`), or the public key of signature `v1a`; no list and no later
/// answer does. With `"challenge": true` the endpoint is asked to repeat a word, and gets nothing before it has.
#[utoipa::path(
    post, path = "/api/v1/webhooks/subscriptions", tag = "webhooks", request_body = openapi::NewWebhookSubscription,
    responses(
        (status = 201, body = WebhookSubscriptionMade), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 422, body = Problem), (status = 501, body = Problem),
    ),
)]
pub(super) async fn create_subscription(
    State(api): State<Api>,
    MayManage(caller): MayManage,
    Text(body): Text,
) -> Result<Response, Problem> {
    let webhooks = api.webhooks()?;
    let Created { subscription, secret, verification } =
        webhooks.create(request::new_subscription(&body, &caller)?).await?;
    let location = format!("/api/v1/webhooks/subscriptions/{}", subscription.subscription_id);
    let made = WebhookSubscriptionMade {
        subscription: subscription.into(),
        issued: secret.into(),
        challenge: verification.map(|verification| verification.attempt.into()),
    };
    let headers = [(header::CACHE_CONTROL, "no-store".to_owned()), (header::LOCATION, location)];
    Ok((StatusCode::CREATED, headers, Json(made)).into_response())
}

/// Lists subscriptions, newest first, with how their deliveries did (R312).
#[utoipa::path(
    get, path = "/api/v1/webhooks/subscriptions", tag = "webhooks", params(openapi::WebhookSubscriptionParameters),
    responses(
        (status = 200, body = WebhookSubscriptionList), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 422, body = Problem), (status = 501, body = Problem),
    ),
)]
pub(super) async fn list_subscriptions(
    State(api): State<Api>,
    MayRead(caller): MayRead,
    RawQuery(query): RawQuery,
) -> Result<Json<WebhookSubscriptionList>, Problem> {
    let webhooks = api.webhooks()?;
    let mut parameters = Parameters::of(query);
    let organization = parameters.text(&["organization_id", "organizationId", "tenant_id", "tenantId"])?;
    let query = SubscriptionQuery { organization_id: caller.scope_query(organization)?, page: parameters.page()? };
    parameters.finish("organization_id, limit, offset, cursor")?;
    let read = |page| webhooks.list(SubscriptionQuery { page, ..query.clone() });
    let Page { items, next } = gather(query.page.clone(), weight, read).await?;
    let mut figures = statistics::of_page(&api, items.iter().map(|it| it.subscription_id)).await?;
    let listed = |it: Subscription| WebhookSubscriptionListed {
        last_7_days: figures.remove(&it.subscription_id).unwrap_or_default(),
        subscription: it.into(),
    };
    Ok(Json(WebhookSubscriptionList { subscriptions: items.into_iter().map(listed).collect(), next }))
}

/// About how many bytes a subscription is in a list. A filter can be 64 KiB.
fn weight(subscription: &Subscription) -> usize {
    let filter = subscription.filter.as_ref().map_or(0, |filter| filter.to_value().to_string().len());
    let patterns: usize = subscription.events.iter().map(|pattern| pattern.to_string().len()).sum();
    subscription.url.len() + subscription.description.len() + patterns + filter
}

/// One subscription. The header `ETag` holds its revision.
#[utoipa::path(
    get, path = "/api/v1/webhooks/subscriptions/{subscription_id}", tag = "webhooks",
    params(("subscription_id" = String, Path)),
    responses(
        (status = 200, body = WebhookSubscription), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 404, body = Problem), (status = 501, body = Problem),
    ),
)]
pub(super) async fn get_subscription(
    State(api): State<Api>,
    MayRead(caller): MayRead,
    Name(id): Name,
) -> Result<Response, Problem> {
    let Asked { webhooks, id, organization_id } = Asked::of(&api, &caller, &id)?;
    Ok(shown(webhooks.get(id, organization_id).await?))
}

/// Changes a subscription: absent fields stay, null goes back to the default.
///
/// With `revision` in the body or in `If-Match`, the change is made to that revision or answered with 409. Headers are
/// changed one by one: a value sets one, null removes it, those that are absent stay. Deliveries that wait go by what
/// holds when they are sent, so a new URL gets them.
#[utoipa::path(
    patch, path = "/api/v1/webhooks/subscriptions/{subscription_id}", tag = "webhooks",
    request_body = openapi::WebhookSubscriptionChanges,
    params(("subscription_id" = String, Path), ("if-match" = Option<String>, Header, description = "The revision that was read")),
    responses(
        (status = 200, body = WebhookSubscription), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem),
        (status = 422, body = Problem), (status = 501, body = Problem),
    ),
)]
pub(super) async fn change_subscription(
    State(api): State<Api>,
    MayManage(caller): MayManage,
    Name(id): Name,
    headers: HeaderMap,
    Text(body): Text,
) -> Result<Response, Problem> {
    let Asked { webhooks, id, organization_id } = Asked::of(&api, &caller, &id)?;
    let mut changes = request::changes(&body)?;
    changes.revision = one_revision(if_match(&headers)?, changes.revision)?;
    Ok(shown(webhooks.update(id, organization_id, changes).await?))
}

/// Deletes a subscription and its secrets. What waits for it is not sent; attempts that were made stay readable.
#[utoipa::path(
    delete, path = "/api/v1/webhooks/subscriptions/{subscription_id}", tag = "webhooks",
    params(("subscription_id" = String, Path)),
    responses(
        (status = 204), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem),
        (status = 501, body = Problem),
    ),
)]
pub(super) async fn delete_subscription(
    State(api): State<Api>,
    MayManage(caller): MayManage,
    Name(id): Name,
) -> Result<StatusCode, Problem> {
    let Asked { webhooks, id, organization_id } = Asked::of(&api, &caller, &id)?;
    webhooks.delete(id, organization_id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A subscription with its revision in the headers.
pub(super) fn shown(subscription: Subscription) -> Response {
    let revision = HeaderValue::try_from(format!("\"{}\"", subscription.revision));
    let mut response = Json(WebhookSubscription::from(subscription)).into_response();
    if let Ok(revision) = revision {
        response.headers_mut().insert(header::ETAG, revision);
    }
    response
}

/// The revision that the caller has read; `*` stands for any.
fn if_match(headers: &HeaderMap) -> Result<Option<i64>, Problem> {
    let Some(value) = headers.get(header::IF_MATCH) else { return Ok(None) };
    let text = value.to_str().unwrap_or_default().trim();
    if text == "*" {
        return Ok(None);
    }
    let revision = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text).parse();
    let problem = "is no revision; send the ETag of the answer that you have read, as in \"3\"";
    revision.map(Some).map_err(|_| Problem::invalid_field("if-match", problem))
}

fn one_revision(header: Option<i64>, body: Option<i64>) -> Result<Option<i64>, Problem> {
    match (header, body) {
        (Some(header), Some(body)) if header != body => {
            Err(Problem::invalid_field("revision", "differs from the one in If-Match; send one of them"))
        }
        (header, body) => Ok(header.or(body)),
    }
}
