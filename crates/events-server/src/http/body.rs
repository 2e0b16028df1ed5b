//! Reading bodies: as text, within bounds, with problems that say what is wrong.

use axum::{
    body::Bytes,
    extract::{FromRequest, Request, rejection::BytesRejection},
    http::StatusCode,
};
use serde::de::DeserializeOwned;

use super::{headers, problem::Problem};

/// A body that is UTF-8 text.
pub(super) struct Text(pub(super) String);

impl<S: Send + Sync> FromRequest<S> for Text {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        headers::check_form(request.headers())?;
        let bytes = Bytes::from_request(request, state).await.map_err(|rejection: BytesRejection| {
            if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
                Problem::too_large("the body is larger than server.max_body_bytes; send fewer events in one call")
            } else {
                Problem::bad_request(format!("the body did not arrive whole: {rejection}"))
            }
        })?;
        let text = String::from_utf8(bytes.into()).map_err(|error| {
            Problem::bad_request(format!("the body is not UTF-8 text at byte {}", error.utf8_error().valid_up_to()))
        })?;
        Ok(Self(text))
    }
}

/// A body that is a JSON object of a known shape. An empty body is the empty object.
pub(super) struct Object<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Object<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let Text(text) = Text::from_request(request, state).await?;
        let text = if text.trim().is_empty() { "{}" } else { &text };
        serde_json::from_str(text).map(Self).map_err(|error| {
            if error.is_data() {
                Problem::invalid_field("body", format!("is refused: {error}"))
            } else {
                Problem::bad_request(format!("the body is not valid JSON: {error}"))
            }
        })
    }
}
