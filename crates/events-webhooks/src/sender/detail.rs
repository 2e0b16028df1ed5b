//! The record of an attempt, as it is stored beside it and shown to the subscriber. It holds no secret.

use http::{HeaderMap, HeaderName};
use serde::{Deserialize, Serialize};

use super::{
    text::{Cleaner, MASK},
    times::{Connection, Times},
};

/// As many headers of an answer are kept.
const MOST_HEADERS: usize = 32;
/// As much of one header is kept, in bytes.
const HEADER_BYTES: usize = 1_024;
/// As much of all headers is kept, in bytes.
const HEADERS_BYTES: usize = 8 * 1_024;
/// As much of a body is kept, in bytes.
const BODY_BYTES: usize = 16 * 1_024;

/// What was sent, what came back, and where the time went.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AttemptDetail {
    /// The headers as they were sent. Values of custom headers are masked; signatures are shown, because they say
    /// nothing of the key and help a receiver to find his fault.
    pub request_headers: Vec<Header>,
    /// The answer, where one began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response: Option<ResponseDetail>,
    /// Where the time went.
    pub times: Times,
    /// Whether a new connection was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection: Option<Connection>,
    /// The address that was called, where an answer began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote_address: Option<String>,
}

/// An answer, cut to what is worth keeping.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResponseDetail {
    /// Its status.
    pub status: u16,
    /// At most 32 headers, 1 KiB of each, 8 KiB in all.
    pub headers: Vec<Header>,
    /// At most 16 KiB of the body, without control characters.
    pub body: String,
    /// Whether there was more of the body.
    pub body_cut: bool,
}

/// One header.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// Its name, in lower case.
    pub name: String,
    /// Its value, or `***`.
    pub value: String,
}

/// The headers of a request, with the values of secret ones masked.
pub(super) fn request_headers(headers: &HeaderMap, is_secret: impl Fn(&HeaderName) -> bool) -> Vec<Header> {
    let shown = |name: &HeaderName, value: &http::HeaderValue| {
        if is_secret(name) { MASK.to_owned() } else { String::from_utf8_lossy(value.as_bytes()).into_owned() }
    };
    headers.iter().map(|(name, value)| Header { name: name.as_str().to_owned(), value: shown(name, value) }).collect()
}

impl ResponseDetail {
    /// An answer's head and what was read of its body; `more` when that was not all.
    pub(super) fn new(status: u16, headers: &HeaderMap, body: &[u8], more: bool, cleaner: &Cleaner<'_>) -> Self {
        let (body, cut) = cleaner.clean(body, BODY_BYTES);
        Self { status, headers: response_headers(headers, cleaner), body, body_cut: cut || more }
    }
}

fn response_headers(headers: &HeaderMap, cleaner: &Cleaner<'_>) -> Vec<Header> {
    let mut room = HEADERS_BYTES;
    let mut kept = Vec::new();
    for (name, value) in headers.iter().take(MOST_HEADERS) {
        let (name, _) = cleaner.clean(name.as_str().as_bytes(), HEADER_BYTES);
        let (value, _) = cleaner.clean(value.as_bytes(), HEADER_BYTES);
        let Some(left) = room.checked_sub(name.len() + value.len()) else { break };
        room = left;
        kept.push(Header { name, value });
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_record_of_a_boastful_answer_stays_small() {
        let mut headers = HeaderMap::new();
        for number in 0..100 {
            headers.append(HeaderName::try_from(format!("x-{number}")).unwrap(), "y".repeat(900).parse().unwrap());
        }
        headers.insert("x-0", "z".repeat(5_000).parse().unwrap());
        let detail = ResponseDetail::new(200, &headers, &[b'b'; 60_000], false, &Cleaner::new([]));
        let size: usize = detail.headers.iter().map(|header| header.name.len() + header.value.len()).sum();
        assert!(size <= HEADERS_BYTES && detail.headers.len() >= 7, "{size}");
        assert!(detail.headers.iter().all(|header| header.value.len() <= HEADER_BYTES));
        assert_eq!((detail.body.len(), detail.body_cut), (BODY_BYTES, true));
        let few = (0..50).map(|n| (HeaderName::try_from(format!("x-{n}")).unwrap(), "1".parse().unwrap())).collect();
        assert_eq!(ResponseDetail::new(200, &few, b"", false, &Cleaner::new([])).headers.len(), MOST_HEADERS);
    }
}
