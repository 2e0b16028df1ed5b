//! `/api/v1/webhooks`: subscriptions of customers' endpoints, and what their owners may do with them.

mod deliveries;
mod explain;
mod fields;
mod figures;
mod probe;
mod recovery;
mod request;
mod secrets;
mod shapes;
mod statistics;
mod status;
mod subscriptions;

use axum::http::StatusCode;
use events_core::webhooks::SubscriptionId;
use events_webhooks::manage::{ManageError, Webhooks};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{Api, auth::Caller, problem::Problem};

/// The routes of subscriptions, their deliveries, and jobs that make these again.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(subscriptions::create_subscription, subscriptions::list_subscriptions))
        .routes(routes!(
            subscriptions::get_subscription,
            subscriptions::change_subscription,
            subscriptions::delete_subscription
        ))
        .routes(routes!(status::enable_subscription))
        .routes(routes!(status::pause_subscription))
        .routes(routes!(status::disable_subscription))
        .routes(routes!(secrets::rotate_secret))
        .routes(routes!(secrets::reveal_secret))
        .routes(routes!(secrets::list_public_keys))
        .routes(routes!(probe::test_subscription))
        .routes(routes!(probe::verify_subscription))
        .routes(routes!(explain::explain_event))
        .routes(routes!(deliveries::list_webhook_deliveries))
        .routes(routes!(deliveries::list_subscription_deliveries))
        .routes(routes!(deliveries::get_webhook_delivery))
        .routes(routes!(deliveries::resend_webhook_delivery))
        .routes(routes!(statistics::get_statistics))
        .routes(routes!(statistics::get_subscription_statistics))
        .routes(routes!(recovery::recover_failed))
        .routes(routes!(recovery::replay_events))
        .routes(routes!(recovery::list_replays))
        .routes(routes!(recovery::get_replay))
        .routes(routes!(recovery::cancel_replay))
}

impl Api {
    /// The service, where webhooks are on.
    fn webhooks(&self) -> Result<&Webhooks, Problem> {
        self.webhooks.as_ref().ok_or_else(|| {
            Problem::not_configured(
                "webhooks are off, because no key is configured that would encrypt their secrets; set \
                 webhooks.encryption_keys, or EVENTS__WEBHOOKS__ENCRYPTION_KEYS, to the same keys in every process, \
                 as in 2026:… where `openssl rand -base64 32` makes the key",
            )
        })
    }
}

/// One subscription, and for whom it is looked up.
struct Asked<'a> {
    webhooks: &'a Webhooks,
    id: SubscriptionId,
    organization_id: Option<&'a str>,
}

impl<'a> Asked<'a> {
    /// The subscription that a path names. What is no id is as missing as an id that nothing has.
    fn of(api: &'a Api, caller: &'a Caller, id: &str) -> Result<Self, Problem> {
        let webhooks = api.webhooks()?;
        let missing = |_| Problem::not_found(format!("there is no webhook subscription {id:?}"));
        Ok(Self { webhooks, id: id.parse().map_err(missing)?, organization_id: caller.organization() })
    }
}

impl From<ManageError> for Problem {
    fn from(error: ManageError) -> Self {
        match error {
            ManageError::Invalid { field, problem } => Self::invalid_field(&in_json(&field), problem),
            ManageError::Missing(_) | ManageError::NoSuchEvent(_) => Self::not_found(error.to_string()),
            ManageError::Conflict { .. } => Self::outdated(error.to_string()),
            ManageError::Unusable(_) => {
                tracing::error!("Failed to open what belongs to a webhook subscription: {error}");
                Self::new(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "unusable",
                    "What is stored cannot be opened",
                    format!(
                        "{error}; an operator can bring back the key, or rotate the secret and set the headers anew"
                    ),
                )
            }
            ManageError::NoRandomness => Self::unavailable(error.to_string()),
            ManageError::Store(error) => error.into(),
        }
    }
}

/// A field of the service by its name in JSON, which tells the unit.
fn in_json(field: &str) -> String {
    let (name, place) = field.split_at(field.find(['[', '.']).unwrap_or(field.len()));
    match name {
        "retry" | "timeout" | "grace" => format!("{name}_seconds{place}"),
        _ => field.to_owned(),
    }
}
