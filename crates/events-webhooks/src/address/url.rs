//! The check of a URL when a subscription is made.

use std::net::IpAddr;

use url::{Host, Url};

use super::policy::{AddressPolicy, Refused};

/// Longest URL, in bytes.
pub const MAX_URL_BYTES: usize = 2_048;

/// Ports where servers that read text line by line would take a request for commands: shells, mail, names. No web
/// server is there, and some of them act on lines they find in a body.
const REFUSED_PORTS: [u16; 12] = [0, 21, 22, 23, 25, 53, 110, 143, 465, 587, 993, 995];

/// A URL cannot be called.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidUrl {
    /// It is too long.
    #[error("url: is {0} bytes long, the limit is {MAX_URL_BYTES}")]
    TooLong(usize),
    /// It is no URL.
    #[error("url: is no absolute URL ({0}); write for example https://example.com/webhooks")]
    Unreadable(String),
    /// It has blanks, line breaks or control characters, which other programs read differently.
    #[error("url: contains a blank or a control character; write it percent-encoded")]
    Blank,
    /// Another scheme than https, and than http where that is allowed.
    #[error("url: has the scheme `{scheme}`; {remedy}")]
    Scheme {
        /// The scheme.
        scheme: String,
        /// Which ones are allowed.
        remedy: &'static str,
    },
    /// It has a user or a password.
    #[error("url: contains a user or a password, which would be stored readable; use a custom header")]
    UserInfo,
    /// It has a fragment, which is never sent.
    #[error("url: contains a fragment (#…), which is never sent; leave it out")]
    Fragment,
    /// Its host is a name that no name server can know, such as `.` or `a..b`.
    #[error("url: no host can be called `{0}`; between its dots are 1 to 63 characters, and 253 are in all")]
    Host(String),
    /// A port of another protocol.
    #[error("url: port {0} belongs to another protocol; receive webhooks on a port of your own")]
    Port(u16),
    /// Its host is an address that must not be called.
    #[error("url: {0}")]
    Address(#[from] Refused),
}

/// Reads a URL and checks all that can be checked without the network. A name's addresses are vetted by
/// [`VettingResolver::vet`](super::VettingResolver::vet).
///
/// # Errors
/// [`InvalidUrl`] with the first fault.
pub fn check_url(text: &str, policy: &AddressPolicy, allow_http: bool) -> Result<Url, InvalidUrl> {
    if text.len() > MAX_URL_BYTES {
        return Err(InvalidUrl::TooLong(text.len()));
    }
    if text.chars().any(|character| character.is_whitespace() || character.is_control()) {
        return Err(InvalidUrl::Blank);
    }
    let url = Url::parse(text).map_err(|error| InvalidUrl::Unreadable(error.to_string()))?;
    check_scheme(url.scheme(), allow_http)?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(InvalidUrl::UserInfo);
    }
    if url.fragment().is_some() {
        return Err(InvalidUrl::Fragment);
    }
    if let Some(port) = url.port().filter(|port| REFUSED_PORTS.contains(port)) {
        return Err(InvalidUrl::Port(port));
    }
    match url.host() {
        Some(Host::Domain(name)) if !can_be_called(name) => return Err(InvalidUrl::Host(name.to_owned())),
        Some(Host::Domain(_)) | None => {}
        Some(Host::Ipv4(address)) => policy.check(address.into())?,
        Some(Host::Ipv6(address)) => policy.check(address.into())?,
    }
    Ok(url)
}

/// Whether a name has the lengths that names can have (RFC 1035); one that ends in a dot is told from the root on.
fn can_be_called(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    name.len() <= 253 && name.split('.').all(|label| (1..=63).contains(&label.len()))
}

/// The address of a URL whose host is one instead of a name. No resolver is asked for these.
#[must_use]
pub fn literal_address(url: &Url) -> Option<IpAddr> {
    match url.host()? {
        Host::Ipv4(address) => Some(address.into()),
        Host::Ipv6(address) => Some(address.into()),
        Host::Domain(_) => None,
    }
}

fn check_scheme(scheme: &str, allow_http: bool) -> Result<(), InvalidUrl> {
    let remedy = match (scheme, allow_http) {
        ("https", _) | ("http", true) => return Ok(()),
        ("http", false) => "use https, or let an operator allow http",
        (_, true) => "use https or http",
        (_, false) => "use https",
    };
    Err(InvalidUrl::Scheme { scheme: scheme.to_owned(), remedy })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str) -> Result<Url, InvalidUrl> {
        check_url(text, &AddressPolicy::default(), false)
    }

    /// Spellings of loopback, private, link-local and metadata addresses that programs are known to read.
    #[test]
    fn every_spelling_of_a_forbidden_address_is_refused() {
        for host in [
            "127.0.0.1",
            "127.1",
            "127.0.1",
            "2130706433",
            "0x7f000001",
            "0x7f.1",
            "0x7f.0x0.0x0.0x1",
            "0177.0.0.1",
            "017700000001",
            "0177.0x0.0.1",
            "127.0.0.1.",
            "127.000.000.001",
            "①②⑦.⓪.⓪.①",
            "127。0。0。1",
            "127%2e0%2e0%2e1",
            "%31%32%37.0.0.1",
            "0",
            "0.0.0.0",
            "0x0",
            "10.1",
            "0xa000001",
            "192.168.257",
            "3232235777",
            "169.254.169.254",
            "2852039166",
            "0xa9fea9fe",
            "0251.0376.0251.0376",
            "169.16689662",
            "[::1]",
            "[::]",
            "[0:0:0:0:0:0:0:1]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[0:0:0:0:0:ffff:a9fe:a9fe]",
            "[::127.0.0.1]",
            "[64:ff9b::7f00:1]",
            "[64:ff9b:1::a00:1]",
            "[2002:7f00:1::]",
            "[2001:0:7f00:1::]",
            "[fe80::1]",
            "[fd00:ec2::254]",
            "[fec0::1]",
            "[ff02::1]",
            "100.64.0.1",
            "255.255.255.255",
            "224.0.0.1",
            "198.18.0.1",
        ] {
            for url in [format!("https://{host}/"), format!("https://{host}:8443/x"), format!("HTTPS:\\\\{host}\\x")] {
                assert!(matches!(check(&url), Err(InvalidUrl::Address(_))), "{url}: {:?}", check(&url));
            }
        }
    }

    #[test]
    fn what_cannot_be_called_is_refused_with_its_fault() {
        let fault = |text: &str| check(text).unwrap_err().to_string();
        assert!(fault("http://example.com/").contains("use https, or let an operator"));
        assert!(fault("ftp://example.com/").contains("use https"));
        assert!(fault("file:///etc/passwd").contains("`file`"));
        assert!(fault("https://a@example.com/").contains("a user or a password"));
        assert!(fault("https://:b@example.com/").contains("a user or a password"));
        assert!(fault("https://example.com@127.0.0.1/").contains("a user or a password"));
        assert!(fault("https://example.com/#x").contains("fragment"));
        assert!(fault("https://example.com:25/").contains("port 25"));
        assert!(fault("https://example.com:0/").contains("port 0"));
        for name in ["https://./", "https://a..b/", "https://.example.com/", "https://example.com../"] {
            assert!(fault(name).contains("1 to 63 characters"), "{name}");
        }
        assert!(fault(&format!("https://{}.com/", "a".repeat(64))).contains("1 to 63 characters"));
        assert!(fault(&format!("https://{}com/", "a.".repeat(126))).contains("253 are in all"));
        assert!(fault("https://").contains("no absolute URL"));
        assert!(fault("example.com/hooks").contains("no absolute URL"));
        assert!(fault("https://256.1.1.1/").contains("no absolute URL"));
        assert!(fault("https://[fe80::1%25eth0]/").contains("no absolute URL"));
        for blank in [" https://example.com/", "https://exam\nple.com/", "https://example.com/\t", "https://a.b/\u{a0}"]
        {
            assert_eq!(check(blank), Err(InvalidUrl::Blank), "{blank}");
        }
        let long = format!("https://example.com/{}", "x".repeat(MAX_URL_BYTES));
        assert_eq!(check(&long), Err(InvalidUrl::TooLong(long.len())));
    }

    #[test]
    fn a_good_url_is_kept_as_it_is() {
        for text in
            ["https://example.com/hooks?a=b", "https://example.com.:8443/", "https://8.8.8.8/", "https://münchen.de/"]
        {
            let host = check(text).unwrap();
            assert_eq!(host, Url::parse(text).unwrap());
        }
        let policy = AddressPolicy::allowing(["127.0.0.0/8".parse().unwrap()]);
        assert!(check_url("http://127.0.0.1:3000/", &policy, true).is_ok());
        assert!(check_url("http://10.0.0.1/", &policy, true).is_err());
    }

    proptest! {
        /// What passes is read the same way again, and never names a literal address that is refused.
        #[test]
        fn whatever_passes_is_safe_to_call(text in "(https?://|HTTPS:\\\\|)[0-9a-fx.:@\\[\\]%#/?\\\\]{0,40}") {
            if let Ok(url) = check_url(&text, &AddressPolicy::default(), true) {
                prop_assert_eq!(&Url::parse(url.as_str()).unwrap(), &url);
                prop_assert!(url.host().is_some() && url.username().is_empty() && url.fragment().is_none());
                let host = url.host_str().unwrap().trim_matches(['[', ']']);
                if let Ok(address) = host.trim_end_matches('.').parse::<IpAddr>() {
                    prop_assert!(AddressPolicy::default().check(address).is_ok());
                }
            }
        }

        #[test]
        fn any_text_is_judged_without_a_panic(text in any::<String>()) {
            let _ = check(&text);
            let _ = check(&format!("https://{text}"));
        }
    }
}
