//! Headers that a subscriber adds to each message. Their values are credentials: written, sent, and never shown.

use std::collections::BTreeSet;

use http::{HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};

/// Most headers of one subscription.
const MOST: usize = 16;
/// Names and values of all headers together, in bytes.
const BYTES: usize = 4 * 1_024;

/// As many characters of a name are repeated in a refusal.
const SHOWN: usize = 60;

/// What the message, the connection or the protocol decides. A subscriber who could set these could forge a
/// signature's context, cut messages apart, or pass a proxy's own words off as true.
const RESERVED: [&str; 23] = [
    "accept-encoding",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "date",
    "expect",
    "forwarded",
    "host",
    "keep-alive",
    "http2-settings",
    "range",
    "te",
    "trailer",
    "traceparent",
    "tracestate",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "via",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
];

/// Beginnings of names that belong to the message or to proxies.
const RESERVED_PREFIXES: [&str; 5] = ["webhook-", "ce-", "proxy-", "sec-", "svix-"];

/// Headers are not acceptable. The value is never repeated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("headers{place}: {problem}")]
pub struct InvalidHeader {
    /// Which one: `.x-api-key`, or nothing when it is about all.
    pub place: String,
    /// What is wrong and what to do.
    pub problem: String,
}

impl InvalidHeader {
    fn of(name: &str, problem: impl Into<String>) -> Self {
        let shown: String = name.chars().take(SHOWN).collect();
        Self { place: format!(".{}", shown.escape_debug()), problem: problem.into() }
    }

    fn of_all(problem: impl Into<String>) -> Self {
        Self { place: String::new(), problem: problem.into() }
    }
}

/// Headers that were checked. Debug shows their names.
#[derive(Clone, Debug, Default)]
pub struct CustomHeaders(Vec<(HeaderName, SecretString)>);

impl CustomHeaders {
    /// Checks names and values.
    ///
    /// # Errors
    /// [`InvalidHeader`] with the first fault: more than 16 headers or 4 KiB, a name twice, a reserved or impossible
    /// name, a value with characters other than visible ASCII, spaces within and tabs.
    pub fn new<'a>(headers: impl IntoIterator<Item = (&'a str, &'a SecretString)>) -> Result<Self, InvalidHeader> {
        let (mut checked, mut names, mut bytes) = (Vec::new(), BTreeSet::new(), 0);
        for (text, value) in headers {
            let name = check_name(text)?;
            check_value(text, value.expose_secret())?;
            bytes += text.len() + value.expose_secret().len();
            if !names.insert(name.as_str().to_owned()) {
                return Err(InvalidHeader::of(text, "is there twice; leave one out"));
            }
            checked.push((name, value.clone()));
        }
        if checked.len() > MOST {
            return Err(InvalidHeader::of_all(format!("are {}, the limit is {MOST}", checked.len())));
        }
        if bytes > BYTES {
            return Err(InvalidHeader::of_all(format!("are {bytes} bytes with their names, the limit is {BYTES}")));
        }
        Ok(Self(checked))
    }

    /// The names, for showing them.
    pub fn names(&self) -> impl Iterator<Item = &HeaderName> {
        self.0.iter().map(|(name, _)| name)
    }

    /// Names and values, for sealing them.
    pub fn iter(&self) -> impl Iterator<Item = (&HeaderName, &SecretString)> {
        self.0.iter().map(|(name, value)| (name, value))
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &SecretString> {
        self.0.iter().map(|(_, value)| value)
    }

    pub(crate) fn contains(&self, name: &HeaderName) -> bool {
        self.names().any(|known| known == name)
    }

    pub(crate) fn to_header_map(&self) -> HeaderMap {
        let sensitive = |value: &SecretString| {
            let mut value = HeaderValue::try_from(value.expose_secret()).ok()?; // checked when it was given
            value.set_sensitive(true);
            Some(value)
        };
        self.0.iter().filter_map(|(name, value)| Some((name.clone(), sensitive(value)?))).collect()
    }
}

fn check_name(text: &str) -> Result<HeaderName, InvalidHeader> {
    let name = HeaderName::try_from(text)
        .map_err(|_| InvalidHeader::of(text, "is no name of a header; use letters, digits and hyphens"))?;
    let reserved =
        RESERVED.contains(&name.as_str()) || RESERVED_PREFIXES.iter().any(|prefix| name.as_str().starts_with(prefix));
    if reserved {
        return Err(InvalidHeader::of(text, "is set by the message or the connection; use another name"));
    }
    Ok(name)
}

fn check_value(name: &str, value: &str) -> Result<(), InvalidHeader> {
    if value.is_empty() {
        return Err(InvalidHeader::of(name, "has no value; give one or leave the header out"));
    }
    if value.trim() != value {
        return Err(InvalidHeader::of(name, "has a value that begins or ends with a blank, which does not arrive"));
    }
    if !value.bytes().all(|byte| matches!(byte, b'\t' | b' '..=b'~')) {
        let problem = "has a value with a line break, a control character or a letter outside of ASCII; encode it";
        return Err(InvalidHeader::of(name, problem));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new(pairs: &[(&str, &str)]) -> Result<CustomHeaders, InvalidHeader> {
        let pairs: Vec<_> = pairs.iter().map(|(name, value)| (*name, SecretString::from(*value))).collect();
        CustomHeaders::new(pairs.iter().map(|(name, value)| (*name, value)))
    }

    #[test]
    fn good_headers_are_kept_and_their_values_are_not_shown() {
        let headers = new(&[("X-Api-Key", "hunter2hunter2"), ("Authorization", "Bearer a b")]).unwrap();
        assert_eq!(headers.names().map(HeaderName::as_str).collect::<Vec<_>>(), ["x-api-key", "authorization"]);
        assert!(!format!("{headers:?}").contains("hunter2"));
        let map = headers.to_header_map();
        assert_eq!(map["authorization"], "Bearer a b");
        assert!(!format!("{map:?}").contains("hunter2"));
    }

    #[test]
    fn what_belongs_to_the_message_or_the_connection_is_refused() {
        for name in
            RESERVED.into_iter().chain(["Host", "WEBHOOK-ID", "webhook-signature", "Ce-Type", "proxy-authorization"])
        {
            let error = new(&[(name, "x")]).unwrap_err();
            assert!(error.problem.contains("use another name"), "{name}: {error}");
        }
    }

    #[test]
    fn bad_names_and_values_are_refused_without_repeating_the_value() {
        for (name, value) in [
            ("", "secretvalue"),
            ("a b", "secretvalue"),
            ("x:", "secretvalue"),
            ("x\r\ny", "secretvalue"),
            ("x", "secretvalue\r\ny: z"),
            ("x", "secretvalue\0"),
            ("x", "sécretvalue"),
            ("x", " secretvalue"),
            ("x", ""),
        ] {
            let error = new(&[(name, value)]).unwrap_err().to_string();
            assert!(!error.contains("cretvalue") && !error.contains('\n'), "{error}");
        }
    }

    #[test]
    fn headers_are_few_and_small_and_there_once() {
        let names: Vec<_> = (0..17).map(|number| format!("x-{number}")).collect();
        let pairs: Vec<_> = names.iter().map(|name| (name.as_str(), "1")).collect();
        assert!(new(&pairs[..16]).is_ok());
        assert!(new(&pairs).unwrap_err().to_string().contains("are 17, the limit is 16"));
        assert!(new(&[("x", &"y".repeat(BYTES - 1))]).is_ok());
        assert!(new(&[("x", &"y".repeat(BYTES))]).unwrap_err().to_string().contains("4097 bytes"));
        let long = new(&[(&"y".repeat(100_000), "\n")]).unwrap_err().to_string();
        assert!(long.len() < 300, "a refusal of {} bytes", long.len());
        assert!(new(&[("x", "1"), ("X", "2")]).unwrap_err().to_string().contains("twice"));
    }
}
