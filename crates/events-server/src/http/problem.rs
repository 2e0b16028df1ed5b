//! Problems: every error answer, as `application/problem+json` (RFC 9457).

use std::{any::Any, time::Duration};

use axum::{
    http::{Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use events_core::{InvalidEvent, PublishError, StoreError};
use serde::Serialize;
use utoipa::ToSchema;

/// Why a request was not done. `errors` names fields, where fields are at fault.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Problem {
    /// HTTP status code.
    #[serde(serialize_with = "as_number")]
    #[schema(value_type = u16)]
    status: StatusCode,
    /// The kind of problem, a stable word for programs.
    code: &'static str,
    /// The kind of problem, for people.
    title: &'static str,
    /// What is wrong with this request, and what to do.
    detail: String,
    /// Fields at fault, with their place in the request.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldError>,
}

/// One field at fault.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FieldError {
    /// The field by its JSON name, with its path.
    field: String,
    /// What is wrong and how to mend it.
    problem: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn as_number<S: serde::Serializer>(status: &StatusCode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u16(status.as_u16())
}

impl Problem {
    pub(super) fn new(status: StatusCode, code: &'static str, title: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, title, detail: detail.into(), errors: Vec::new() }
    }

    /// Fields are at fault.
    pub(crate) fn invalid(errors: impl IntoIterator<Item = InvalidEvent>) -> Self {
        let errors: Vec<_> =
            errors.into_iter().map(|error| FieldError { field: error.field, problem: error.problem }).collect();
        let detail = errors.first().map(|first| format!("{} {}", first.field, first.problem)).unwrap_or_default();
        Self { errors, ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", "The request is refused", detail) }
    }

    /// One field or parameter is at fault.
    pub(crate) fn invalid_field(field: &str, problem: impl Into<String>) -> Self {
        Self::invalid([InvalidEvent::new(field, problem)])
    }

    /// The body cannot be read at all.
    pub(crate) fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", "The request is not readable", detail)
    }

    pub(crate) fn too_large(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", "The request is too large", detail)
    }

    pub(crate) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", "There is no such thing", detail)
    }

    pub(crate) fn unauthorized(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", "The API key is missing or wrong", detail)
    }

    pub(crate) fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", "The API key does not allow this", detail)
    }

    /// The stable word for the kind of problem.
    pub(super) fn code(&self) -> &'static str {
        self.code
    }

    /// Adds the field that the problem is about.
    pub(crate) fn about(mut self, field: &str) -> Self {
        self.errors.push(FieldError { field: field.to_owned(), problem: self.detail.clone() });
        self
    }

    fn conflict(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "conflict", "The key belongs to something else", detail)
    }

    /// Somebody else changed the thing since the caller read it.
    pub(super) fn outdated(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "conflict", "Somebody else changed it first", detail)
    }

    /// The operator has not switched this on; `detail` says with which key.
    pub(super) fn not_configured(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_IMPLEMENTED, "not_configured", "This server is not configured for it", detail)
    }

    pub(super) fn unavailable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "The store does not answer", detail)
    }

    /// The body is in a form that is not read here.
    pub(super) fn unsupported(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", "The body has another form", detail)
    }

    /// The request took too long.
    pub(super) fn timed_out(after: Duration) -> Self {
        let detail = format!(
            "the answer was not ready within {} s; whether anything was changed is unknown, \
             publishing again with the same idempotency_key is safe",
            after.as_secs()
        );
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "timeout", "The request took too long", detail)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = (self.status, [(header::CONTENT_TYPE, "application/problem+json")], body).into_response();
        let headers = response.headers_mut();
        match self.status {
            StatusCode::UNAUTHORIZED => {
                headers.insert(header::WWW_AUTHENTICATE, header::HeaderValue::from_static("Bearer"));
            }
            StatusCode::SERVICE_UNAVAILABLE => {
                headers.insert(header::RETRY_AFTER, header::HeaderValue::from_static("1"));
            }
            _ => {}
        }
        response
    }
}

impl From<PublishError> for Problem {
    fn from(error: PublishError) -> Self {
        match error {
            PublishError::Invalid(invalid) => Self::invalid([invalid]),
            PublishError::Conflict { by_key, .. } => {
                Self::conflict(error.to_string()).about(if by_key { "idempotency_key" } else { "event_id" })
            }
            PublishError::Unavailable(error) => error.into(),
            PublishError::Unknown(reason) => StoreError::Unknown(reason).into(),
        }
    }
}

/// What went wrong inside is for the log: it may name files, and concerns the operator only.
impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        tracing::error!("Failed to answer a request: {error}");
        match error {
            StoreError::Full(_) => Self::new(
                StatusCode::INSUFFICIENT_STORAGE,
                "full",
                "There is no space left",
                "the store has no space left; nothing was changed, and reading still works",
            ),
            StoreError::Corrupt(_) => Self::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "corrupt",
                "The store is damaged",
                "the store holds something unreadable; the server's log says what",
            ),
            StoreError::Unavailable(_) => Self::unavailable("nothing was changed; try again in a moment"),
            StoreError::Unknown(_) => Self::unavailable(
                "it is unknown whether it was done; doing it again is safe, \
                 for publishing with the same idempotency_key or event_id",
            ),
        }
    }
}

pub(super) async fn no_such_route(uri: Uri) -> Problem {
    Problem::not_found(format!("there is nothing at {}; the routes are listed in /openapi.json", uri.path()))
}

pub(super) async fn method_not_allowed(method: Method, uri: Uri) -> Problem {
    let detail = format!("{} does not take {method}; see /openapi.json", uri.path());
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "Wrong method", detail)
}

pub(super) fn panicked(_panic: Box<dyn Any + Send>) -> Response {
    let detail = "the server made a mistake; its log says more";
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "Internal error", detail).into_response()
}
