//! Query parameters of the lists.

use utoipa::IntoParams;

/// Filters of events.
#[derive(IntoParams)]
#[expect(dead_code, reason = "read by the derive only")]
pub(in crate::http) struct TimelineParameters {
    /// Events of this actor; also `userId`.
    actor: Option<String>,
    /// Events of this organization.
    organization_id: Option<String>,
    /// Types or patterns (`billing.*`), repeated or separated by commas; also `eventTypes`. Aliases are included.
    event_types: Option<Vec<String>>,
    /// Recorded at or after, RFC 3339.
    since: Option<String>,
    /// Recorded before, RFC 3339.
    until: Option<String>,
    /// Events after this position, oldest first (not in the timeline).
    after: Option<i64>,
    /// 1 to 1000, 50 by default.
    limit: Option<usize>,
    /// Events to pass over.
    offset: Option<usize>,
    /// `next` of the page before.
    cursor: Option<i64>,
}

/// Filters of deliveries.
#[derive(IntoParams)]
#[expect(dead_code, reason = "read by the derive only")]
pub(in crate::http) struct DeliveryParameters {
    event_id: Option<String>,
    handler: Option<String>,
    target: Option<String>,
    /// `pending`, `leased`, `succeeded`, `dead` or `dropped`.
    state: Option<String>,
    organization_id: Option<String>,
    /// 1 to 1000, 50 by default.
    limit: Option<usize>,
    offset: Option<usize>,
    /// `next` of the page before.
    cursor: Option<i64>,
}

/// Filters of dead letters.
#[derive(IntoParams)]
#[expect(dead_code, reason = "read by the derive only")]
pub(in crate::http) struct DeadLetterParameters {
    handler: Option<String>,
    target: Option<String>,
    organization_id: Option<String>,
    /// 1 to 1000, 50 by default.
    limit: Option<usize>,
    offset: Option<usize>,
    /// `next` of the page before.
    cursor: Option<i64>,
}
