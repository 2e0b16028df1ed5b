//! Headers: the form of a body, the key of a publish, the origin of an event.

use axum::http::{
    HeaderMap,
    header::{CONTENT_ENCODING, CONTENT_TYPE},
};
use events_core::{Limits, Metadata};

use super::problem::Problem;

/// Types under which JSON is sent; the last three by programs that were not told otherwise, as
/// `curl -d` is. A body that is no JSON is refused by its content in any case.
const MEDIA_TYPES: [&str; 4] =
    ["application/json", "application/x-www-form-urlencoded", "application/octet-stream", "text/plain"];
const CHARSETS: [&str; 3] = ["utf-8", "utf8", "us-ascii"];

/// Refuses a body that is announced in a form that would be misread.
pub(super) fn check_form(headers: &HeaderMap) -> Result<(), Problem> {
    if let Some(encoding) = headers.get(CONTENT_ENCODING).filter(|encoding| *encoding != "identity") {
        let detail = format!("the body is encoded as {encoding:?}; send it as it is, without Content-Encoding");
        return Err(Problem::unsupported(detail));
    }
    let Some(content_type) = headers.get(CONTENT_TYPE) else { return Ok(()) };
    let text = content_type.to_str().unwrap_or_default().to_ascii_lowercase();
    let mut parts = text.split(';').map(str::trim);
    let media_type = parts.next().unwrap_or_default();
    let charset = parts.find_map(|parameter| parameter.strip_prefix("charset=")).map(|name| name.trim_matches('"'));
    if !MEDIA_TYPES.contains(&media_type) {
        let detail = format!("the body is announced as {content_type:?}; send JSON as application/json");
        return Err(Problem::unsupported(detail));
    }
    match charset {
        Some(charset) if !CHARSETS.contains(&charset) => {
            Err(Problem::unsupported(format!("the body is announced as {charset:?} text; send JSON as UTF-8")))
        }
        _ => Ok(()),
    }
}

/// The header `Idempotency-Key`.
pub(super) fn idempotency_key(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let mut keys = headers.get_all("idempotency-key").iter();
    let Some(key) = keys.next() else { return Ok(None) };
    if keys.next().is_some() {
        return Err(Problem::invalid_field("idempotency-key", "is given more than once; send one key"));
    }
    key.to_str().map(Some).map_err(|_| Problem::invalid_field("idempotency-key", "must be visible ASCII characters"))
}

/// What the headers tell about the origin of an event, within the limits of metadata: it is not
/// the publisher's fault when a browser's `User-Agent` is too long.
pub(super) fn origin(headers: &HeaderMap) -> Metadata {
    let texts = headers.iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
    let mut origin = Metadata::from_headers("", texts);
    for field in [&mut origin.ip_address, &mut origin.user_agent, &mut origin.request_id, &mut origin.trace_parent] {
        if let Some(text) = field {
            text.retain(|character| !character.is_control());
            text.truncate(Limits::default().metadata_bytes); // ASCII, so every place is a boundary
        }
        field.take_if(|text| text.is_empty());
    }
    origin
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn accepts(content_type: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_str(content_type).unwrap());
        check_form(&headers).is_ok()
    }

    #[test]
    fn json_is_taken_under_the_names_it_goes_by() {
        for form in ["application/json", "Application/JSON; charset=UTF-8", "application/json; charset=\"utf-8\""] {
            assert!(accepts(form), "{form}");
        }
        assert!(accepts("application/x-www-form-urlencoded"), "what `curl -d` says");
        for form in ["application/json; charset=iso-8859-1", "multipart/form-data; boundary=x", "text/xml", ""] {
            assert!(!accepts(form), "{form}");
        }
    }

    #[test]
    fn origins_are_held_to_the_limits() {
        let mut headers = HeaderMap::new();
        headers.insert("user-agent", HeaderValue::from_str(&"x".repeat(5000)).unwrap());
        headers.insert("x-request-id", HeaderValue::from_static("a\tb"));
        headers.insert("x-forwarded-for", HeaderValue::from_static(""));
        let origin = origin(&headers);
        assert_eq!(origin.user_agent.unwrap().len(), 1024);
        assert_eq!(origin.request_id.as_deref(), Some("ab"));
        assert_eq!(origin.ip_address, None);
    }
}
