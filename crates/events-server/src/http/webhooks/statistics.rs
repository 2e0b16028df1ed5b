//! Statistics of deliveries: of an organization or everybody, of one subscription, and short ones for lists.

use std::collections::HashMap;

use axum::{
    Json,
    extract::{RawQuery, State},
};
use events_core::{
    Clock, StoreError, Target,
    ports::{StatisticsOf, StatisticsQuery},
    statistics::{Day, Report, Tally, read},
    webhooks::{HANDLER, SubscriptionId},
};
use utoipa::IntoParams;

use super::{
    deliveries::visible_subscription,
    figures::{WebhookDay, WebhookFigures, WebhookStatistics, WebhookSubscriptionDay, WebhookSubscriptionStatistics},
    shapes::status_word,
};
use crate::http::{Api, auth::MayRead, paging::Parameters, path::Name, problem::Problem};

/// Days of statistics unless the caller says otherwise, and at most: counts are kept as long.
const DEFAULT_DAYS: u16 = 30;
const MAX_DAYS: u16 = 90;
/// Days that the figures in lists are of.
const LIST_DAYS: u16 = 7;

/// What statistics are asked for.
#[derive(IntoParams)]
#[expect(dead_code, reason = "read by the derive only")]
pub(super) struct WebhookStatisticsParameters {
    /// How many days, today included: 1 to 90, 30 by default.
    days: Option<u16>,
}

/// Tells how many events were published and how their deliveries to subscriptions did.
///
/// For the organization of the key, or `organization_id`; without either, for all. An event that was just published is
/// in it.
#[utoipa::path(
    get, path = "/api/v1/webhooks/stats", tag = "webhook deliveries",
    params(WebhookStatisticsParameters, ("organization_id" = Option<String>, Query, description = "Of this organization")),
    responses((status = 200, body = WebhookStatistics), (status = 401, body = Problem), (status = 403, body = Problem), (status = 422, body = Problem)),
)]
pub(super) async fn get_statistics(
    State(api): State<Api>,
    MayRead(caller): MayRead,
    RawQuery(query): RawQuery,
) -> Result<Json<WebhookStatistics>, Problem> {
    let mut parameters = Parameters::of(query);
    let organization = parameters.text(&["organization_id", "organizationId", "tenant_id", "tenantId"])?;
    let days = days(&mut parameters)?;
    parameters.finish("days, organization_id")?;
    let organization = caller.scope_query(organization)?;
    let of = organization.clone().map_or(StatisticsOf::All, StatisticsOf::Organization);
    let period = Period::of(&*api.clock, days);
    let report = period.read(&api, of).await?;
    let counts = api.statistics.subscription_counts(organization.as_deref()).await?;
    let none = Tally::default();
    let tallies = report.attempts.get(&None);
    let by_day = period.days().map(|day| WebhookDay {
        day: day.to_string(),
        events_published: report.events.get(&day).copied().unwrap_or_default(),
        figures: tallies.and_then(|days| days.get(&day)).unwrap_or(&none).into(),
    });
    Ok(Json(WebhookStatistics {
        since: period.since.to_string(),
        complete: report.is_complete,
        events_published: report.events.values().sum(),
        figures: (&report.total(None)).into(),
        subscriptions: counts.into(),
        by_day: by_day.collect(),
    }))
}

/// Tells how the deliveries of a subscription did.
#[utoipa::path(
    get, path = "/api/v1/webhooks/subscriptions/{subscription_id}/stats", tag = "webhook deliveries",
    params(("subscription_id" = String, Path), WebhookStatisticsParameters),
    responses((status = 200, body = WebhookSubscriptionStatistics), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem), (status = 422, body = Problem)),
)]
pub(super) async fn get_subscription_statistics(
    State(api): State<Api>,
    MayRead(caller): MayRead,
    Name(subscription_id): Name,
    RawQuery(query): RawQuery,
) -> Result<Json<WebhookSubscriptionStatistics>, Problem> {
    let mut parameters = Parameters::of(query);
    let days = days(&mut parameters)?;
    parameters.finish("days")?;
    let subscription = visible_subscription(&api, &caller, &subscription_id).await?;
    let target = Target::from(subscription.subscription_id);
    let period = Period::of(&*api.clock, days);
    let report = period.read(&api, StatisticsOf::Targets(vec![target.clone()])).await?;
    let figures = (&report.total(Some(&target))).into();
    let none = Tally::default();
    let tallies = report.attempts.get(&Some(target));
    let by_day = period.days().map(|day| WebhookSubscriptionDay {
        day: day.to_string(),
        figures: tallies.and_then(|days| days.get(&day)).unwrap_or(&none).into(),
    });
    Ok(Json(WebhookSubscriptionStatistics {
        subscription_id: subscription.subscription_id,
        since: period.since.to_string(),
        complete: report.is_complete,
        figures,
        status: status_word(&subscription.status),
        failing_since: subscription.failing_since,
        by_day: by_day.collect(),
    }))
}

/// The figures of the last days of each of these subscriptions, read at once.
pub(super) async fn of_page(
    api: &Api,
    ids: impl Iterator<Item = SubscriptionId>,
) -> Result<HashMap<SubscriptionId, WebhookFigures>, Problem> {
    let targets: HashMap<SubscriptionId, Target> = ids.map(|id| (id, id.into())).collect();
    if targets.is_empty() {
        return Ok(HashMap::new());
    }
    let of = StatisticsOf::Targets(targets.values().cloned().collect());
    let report = Period::of(&*api.clock, LIST_DAYS).read(api, of).await?;
    Ok(targets.into_iter().map(|(id, target)| (id, (&report.total(Some(&target))).into())).collect())
}

fn days(parameters: &mut Parameters) -> Result<u16, Problem> {
    const EXPECTED: &str = "a number of days from 1 to 90";
    let days = parameters.value(&["days"], EXPECTED)?.unwrap_or(DEFAULT_DAYS);
    if (1..=MAX_DAYS).contains(&days) {
        Ok(days)
    } else {
        Err(Problem::invalid_field("days", format!("must be {EXPECTED}, but is {days}")))
    }
}

/// The days that statistics are of.
struct Period {
    since: Day,
    today: Day,
}

impl Period {
    fn of(clock: &dyn Clock, days: u16) -> Self {
        let today = Day::of(clock.now());
        Self { since: today.minus(days - 1), today }
    }

    fn days(&self) -> impl Iterator<Item = Day> {
        self.since.to(self.today)
    }

    async fn read(&self, api: &Api, of: StatisticsOf) -> Result<Report, StoreError> {
        let query = StatisticsQuery { handler: HANDLER.into(), of, since: self.since };
        read(&*api.statistics, &query).await
    }
}
