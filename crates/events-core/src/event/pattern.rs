//! Which event types somebody is interested in: exact, `domain.*` or `*`.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::event_type::{self, EventType};

/// A set of event types (C22).
///
/// `billing.*` matches every type below `billing`, at any depth; `*` matches all.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Pattern {
    /// Every type.
    All,
    /// Every type below this prefix, which is kept with its last dot.
    Prefix(Box<str>),
    /// This type only.
    Exact(EventType),
}

/// A text that is no pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a pattern: write an event type such as `user.signup`, a prefix such as `billing.*`, or `*`")]
pub struct InvalidPattern(String);

impl Pattern {
    /// Whether `event_type` is in the set.
    #[must_use]
    pub fn matches(&self, event_type: &EventType) -> bool {
        match self {
            Self::All => true,
            Self::Prefix(prefix) => event_type.as_str().starts_with(&**prefix),
            Self::Exact(exact) => exact == event_type,
        }
    }
}

impl FromStr for Pattern {
    type Err = InvalidPattern;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidPattern(text.chars().take(120).collect());
        if text == "*" {
            return Ok(Self::All);
        }
        match text.strip_suffix(".*") {
            Some(prefix) if event_type::is_prefix(prefix) => Ok(Self::Prefix(format!("{prefix}.").into())),
            Some(_) => Err(invalid()),
            None => EventType::parse(text).map(Self::Exact).map_err(|_| invalid()),
        }
    }
}

impl From<EventType> for Pattern {
    fn from(event_type: EventType) -> Self {
        Self::Exact(event_type)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("*"),
            Self::Prefix(prefix) => write!(f, "{prefix}*"),
            Self::Exact(exact) => exact.fmt(f),
        }
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Pattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, matching: &[&str], other: &[&str]) {
        let pattern: Pattern = pattern.parse().unwrap();
        for name in matching {
            assert!(pattern.matches(&name.parse().unwrap()), "{pattern} should match {name}");
        }
        for name in other {
            assert!(!pattern.matches(&name.parse().unwrap()), "{pattern} should not match {name}");
        }
    }

    #[test]
    fn patterns_match_as_written() {
        check("*", &["user.signup", "a.b.c"], &[]);
        check("billing.*", &["billing.payment_failed", "billing.a.b"], &["billings.paid", "bill.ing"]);
        check("a.b.*", &["a.b.c"], &["a.b", "a.bc"]);
        check("user.signup", &["user.signup"], &["user.signup_done", "user.first_import"]);
    }

    #[test]
    fn other_texts_are_refused() {
        for bad in ["", "**", "user", "*.signup", "user.*.x", ".*", "user*", "User.*", "user.**"] {
            assert!(bad.parse::<Pattern>().is_err(), "{bad}");
        }
    }
}
