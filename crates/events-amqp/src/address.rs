//! Where the broker is, and how to speak of it without its password.

use std::fmt;

use lapin::uri::AMQPUri;
use secrecy::{ExposeSecret, SecretString};
use url::{Host, Url};

/// Seconds without a sign of life after which the other side is suspected to be gone; after twice
/// as many the connection counts as lost. RabbitMQ's own 60 would leave a worker listening for two
/// minutes to a machine that was unplugged; 10 costs a frame of eight bytes every five seconds.
const HEARTBEAT_SECONDS: u16 = 10;

/// A fault is told in so many characters at most: what the broker says, twice, and what helps.
const FAULT_CHARS: usize = 600;

/// Passwords shorter than this are not looked for in texts: everything would contain them.
const SHORTEST_PASSWORD: usize = 4;

/// What was wrong with a URL. The text never repeats the URL, because a password is in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// Not a URL at all.
    #[error("it is not a URL ({0}); write amqp://user:password@host:port/vhost")]
    Syntax(url::ParseError),
    /// A URL of something else.
    #[error("its scheme is neither `amqp` nor `amqps`")]
    Scheme,
    /// Nobody to call.
    #[error("it names no host")]
    NoHost,
    /// A value that does not fit, such as a heartbeat that is not a number.
    #[error("a parameter, user, password or vhost in it cannot be read")]
    Part,
}

/// A broker, and the credentials for it.
#[derive(Clone)]
pub(crate) struct Address {
    uri: AMQPUri,
    /// The password as it is and as it is written, to be taken out of texts.
    passwords: Vec<SecretString>,
}

impl Address {
    pub(crate) fn parse(text: &SecretString) -> Result<Self, UrlError> {
        let url = Url::parse(text.expose_secret().trim()).map_err(UrlError::Syntax)?;
        if !["amqp", "amqps"].contains(&url.scheme()) {
            return Err(UrlError::Scheme);
        }
        let host = match url.host() {
            None | Some(Host::Domain("")) => return Err(UrlError::NoHost),
            Some(Host::Domain(name)) => name.to_owned(),
            // The library below takes an address in brackets for no host, and calls localhost.
            Some(Host::Ipv6(address)) => address.to_string(),
            Some(Host::Ipv4(address)) => address.to_string(),
        };
        let mut uri: AMQPUri = url.as_str().parse().map_err(|_| UrlError::Part)?;
        uri.authority.host = host;
        if uri.vhost.is_empty() {
            // `amqp://host/` would mean the vhost without a name, which nobody has.
            uri.vhost = "/".to_owned();
        }
        uri.query.heartbeat.get_or_insert(HEARTBEAT_SECONDS);
        let written = url.password().unwrap_or_default();
        let passwords = [uri.authority.userinfo.password.as_str(), written]
            .into_iter()
            .filter(|password| password.len() >= SHORTEST_PASSWORD)
            .map(SecretString::from)
            .collect();
        Ok(Self { uri, passwords })
    }

    /// For the library only: the password is in it, and its debug text shows it.
    pub(crate) fn uri(&self) -> AMQPUri {
        self.uri.clone()
    }

    /// A text of somebody else, fit to be shown: without the password, in one line, not endless.
    pub(crate) fn clean(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for password in &self.passwords {
            text = text.replace(password.expose_secret(), "***");
        }
        text.chars().take(FAULT_CHARS).map(|char| if char.is_control() { ' ' } else { char }).collect()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let AMQPUri { scheme, authority, vhost, .. } = &self.uri;
        write!(f, "{scheme}://{}:{} (vhost {vhost})", authority.host, authority.port)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Address, UrlError> {
        Address::parse(&text.into())
    }

    fn check(text: &str, shown: &str) {
        assert_eq!(parse(text).expect("a good URL").to_string(), shown);
    }

    #[test]
    fn a_url_says_where_the_broker_is() {
        check("amqp://localhost", "amqp://localhost:5672 (vhost /)");
        check("amqp://localhost/", "amqp://localhost:5672 (vhost /)");
        check("amqps://u:p@rabbit.example/prod", "amqps://rabbit.example:5671 (vhost prod)");
        check("amqp://u:p@127.0.0.1:1234/%2f", "amqp://127.0.0.1:1234 (vhost /)");
        check("amqp://u:p@[::1]:1234/a%2fb", "amqp://::1:1234 (vhost a/b)");
    }

    #[test]
    fn heartbeats_are_frequent_unless_the_url_says_otherwise() {
        let heartbeat = |text| parse(text).expect("a good URL").uri().query.heartbeat;
        assert_eq!(heartbeat("amqp://localhost"), Some(10));
        assert_eq!(heartbeat("amqp://localhost?heartbeat=30"), Some(30));
    }

    #[test]
    fn a_bad_url_is_refused_by_name_and_never_repeated() {
        for (text, error) in [
            ("hunter2hunter2", UrlError::Syntax(url::ParseError::RelativeUrlWithoutBase)),
            ("http://u:hunter2hunter2@localhost", UrlError::Scheme),
            ("hunter2hunter2:x", UrlError::Scheme),
            ("amqp:hunter2hunter2", UrlError::NoHost),
            ("amqp:///hunter2hunter2", UrlError::NoHost),
            ("amqp://u:hunter2hunter2@localhost?heartbeat=hunter2hunter2", UrlError::Part),
            ("amqp://u:hunter2hunter2%ff@localhost", UrlError::Part),
            ("amqp://u:hunter2hunter2@localhost:99999", UrlError::Syntax(url::ParseError::InvalidPort)),
        ] {
            let found = parse(text).expect_err("a bad URL");
            assert!(!format!("{found} {found:?}").contains("hunter2"), "{found:?}");
            assert_eq!(found, error);
        }
    }

    #[test]
    fn texts_are_cleaned_of_the_password_as_it_is_and_as_it_is_written() {
        let address = parse("amqp://u:top%20secret@localhost").expect("a good URL");
        assert_eq!(address.clean("top secret, top%20secret\nend"), "***, *** end");
        assert_eq!(address.clean(&"x".repeat(2 * FAULT_CHARS)).len(), FAULT_CHARS);
        assert!(!format!("{address:?} {address}").contains("secret"));
    }
}
