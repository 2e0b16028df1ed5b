//! Where an event came from.

use serde::{Deserialize, Serialize};

use super::{
    ids::EventId,
    limits::{InvalidEvent, Limits},
};

/// Origin of an event (R150, R153–R157) and its place in a chain of causes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Metadata {
    /// Address of the request, as text.
    #[serde(alias = "ipAddress", skip_serializing_if = "Option::is_none")]
    pub ip_address: Option<String>,
    /// Program that made the request.
    #[serde(alias = "userAgent", skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    /// Correlates the event with the host's logs.
    #[serde(alias = "requestId", skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// Part of the application that published: `api`, `webhook`, `auth`, … The publisher's default when empty.
    pub source: String,
    /// `development`, `staging` or `production`. The publisher's default when empty.
    pub environment: String,
    /// W3C trace context of the origin, `00-<trace>-<span>-<flags>`.
    #[serde(alias = "traceParent", alias = "traceparent", skip_serializing_if = "Option::is_none")]
    pub trace_parent: Option<String>,
    /// The event that caused this one.
    #[serde(alias = "causationId", skip_serializing_if = "Option::is_none")]
    pub causation_id: Option<EventId>,
    /// How many causes lie before this event; stops loops (C42).
    #[serde(alias = "causationDepth", skip_serializing_if = "is_zero")]
    pub causation_depth: u16,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(depth: &u16) -> bool {
    *depth == 0
}

impl Metadata {
    /// Metadata of a named source, with what request headers tell (R203): the caller's
    /// address, program, request id and trace. Header names are matched without case.
    #[must_use]
    pub fn from_headers<'a>(source: impl Into<String>, headers: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut metadata = Self { source: source.into(), ..Self::default() };
        for (name, value) in headers {
            let field = match name.to_ascii_lowercase().as_str() {
                "x-forwarded-for" => {
                    metadata.ip_address = value.split(',').next().map(|first| first.trim().to_owned());
                    continue;
                }
                "user-agent" => &mut metadata.user_agent,
                "x-request-id" => &mut metadata.request_id,
                "traceparent" => &mut metadata.trace_parent,
                _ => continue,
            };
            *field = Some(value.to_owned());
        }
        metadata
    }

    pub(super) fn check(&self, limits: &Limits) -> Result<(), InvalidEvent> {
        limits.check_metadata("metadata.ip_address", self.ip_address.as_deref())?;
        limits.check_metadata("metadata.user_agent", self.user_agent.as_deref())?;
        limits.check_metadata("metadata.request_id", self.request_id.as_deref())?;
        limits.check_metadata("metadata.trace_parent", self.trace_parent.as_deref())?;
        limits.check_name("metadata.source", Some(&self.source))?;
        limits.check_name("metadata.environment", Some(&self.environment))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// R203
    #[test]
    fn headers_become_metadata() {
        let headers = [
            ("X-Forwarded-For", "203.0.113.9, 10.0.0.1"),
            ("User-Agent", "curl/8"),
            ("x-request-id", "r1"),
            ("accept", "*/*"),
        ];
        let metadata = Metadata::from_headers("auth", headers);
        assert_eq!(metadata.source, "auth");
        assert_eq!(metadata.ip_address.as_deref(), Some("203.0.113.9"));
        assert_eq!(metadata.user_agent.as_deref(), Some("curl/8"));
        assert_eq!(metadata.request_id.as_deref(), Some("r1"));
        assert_eq!(metadata.trace_parent, None);
    }
}
