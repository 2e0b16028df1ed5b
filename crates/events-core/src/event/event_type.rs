//! The name of a kind of event: `segment(.segment)+`, lower snake case, at most 100 characters.

use std::{borrow::Borrow, fmt, hash, str::FromStr, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Longest event type in characters (the column is `VARCHAR(100)`, R165).
pub(crate) const MAX_LENGTH: usize = 100;

/// A valid event type such as `user.signup` (R013, R128).
///
/// Constants are checked when the program is compiled:
///
/// ```
/// use events_core::EventType;
/// const SHIPPED: EventType = EventType::from_static("order.shipped");
/// assert_eq!(SHIPPED.as_str(), "order.shipped");
/// assert_eq!(format!("{SHIPPED:?}"), "EventType.ORDER_SHIPPED");
/// ```
///
/// ```compile_fail
/// const WRONG: events_core::EventType = events_core::EventType::from_static("Order shipped");
/// ```
#[derive(Clone)]
pub struct EventType(Text);

#[derive(Clone)]
enum Text {
    Static(&'static str),
    Shared(Arc<str>),
}

impl EventType {
    /// A type known when the program is written.
    ///
    /// # Panics
    /// When `name` breaks the grammar; in a `const`, that is a compile error.
    #[must_use]
    pub const fn from_static(name: &'static str) -> Self {
        match check(name.as_bytes()) {
            Ok(()) => Self(Text::Static(name)),
            Err(_) => panic!("event types are `segment.segment`, lower snake case, at most 100 characters"),
        }
    }

    /// A type that arrives at run time.
    ///
    /// # Errors
    /// [`InvalidEventType`] with the place and the rule that is broken.
    pub fn parse(name: &str) -> Result<Self, InvalidEventType> {
        match check(name.as_bytes()) {
            Ok(()) => Ok(Self(Text::Shared(name.into()))),
            Err(fault) => Err(InvalidEventType { name: name.chars().take(MAX_LENGTH + 20).collect(), fault }),
        }
    }

    /// The dotted name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Text::Static(name) => name,
            Text::Shared(name) => name,
        }
    }

    /// The first segment: `user` of `user.signup`.
    #[must_use]
    pub fn domain(&self) -> &str {
        self.as_str().split('.').next().unwrap_or_default()
    }
}

/// Why a text is not an event type. The message names the place and the remedy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is not an event type: {fault}")]
pub struct InvalidEventType {
    name: String,
    fault: Fault,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum Fault {
    #[error("it is empty; write at least two segments, as in `user.signup`")]
    Empty,
    #[error("it is longer than {MAX_LENGTH} characters")]
    TooLong,
    #[error("it has one segment; write at least two, as in `user.signup`")]
    OneSegment,
    #[error("character {at}: {rule}")]
    Character { at: usize, rule: &'static str },
}

const SEGMENT_START: &str = "a segment starts with a lower-case letter a to z";
const SEGMENT_END: &str = "a segment does not end with an underscore, and underscores do not follow each other";
const ALLOWED: &str = "only a to z, 0 to 9, underscores and the dots between segments are allowed";

/// `[a-z][a-z0-9]*(_[a-z0-9]+)*` for each segment, at least two, joined by dots.
const fn check(name: &[u8]) -> Result<(), Fault> {
    if name.is_empty() {
        return Err(Fault::Empty);
    }
    if name.len() > MAX_LENGTH {
        return Err(Fault::TooLong);
    }
    let mut dots = 0;
    let mut previous = b'.';
    let mut i = 0;
    while i < name.len() {
        let byte = name[i];
        let rule = match (previous, byte) {
            (b'.', b'a'..=b'z') => None,
            (b'.', _) => Some(SEGMENT_START),
            (b'_', b'_' | b'.') => Some(SEGMENT_END),
            (_, b'a'..=b'z' | b'0'..=b'9' | b'_') => None,
            (_, b'.') => {
                dots += 1;
                None
            }
            _ => Some(ALLOWED),
        };
        if let Some(rule) = rule {
            return Err(Fault::Character { at: i + 1, rule });
        }
        previous = byte;
        i += 1;
    }
    match previous {
        b'.' => Err(Fault::Character { at: name.len(), rule: SEGMENT_START }),
        b'_' => Err(Fault::Character { at: name.len(), rule: SEGMENT_END }),
        _ if dots == 0 => Err(Fault::OneSegment),
        _ => Ok(()),
    }
}

/// Checks one segment or dotted prefix, for patterns such as `billing.*`.
pub(crate) fn is_prefix(name: &str) -> bool {
    matches!(check(name.as_bytes()), Ok(()) | Err(Fault::OneSegment))
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The name of the constant, as in `EventType.USER_SIGNUP` (R014, R016).
impl fmt::Debug for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EventType.")?;
        for character in self.as_str().chars() {
            let shown = if character == '.' { '_' } else { character.to_ascii_uppercase() };
            write!(f, "{shown}")?;
        }
        Ok(())
    }
}

impl PartialEq for EventType {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}
impl Eq for EventType {}

impl PartialOrd for EventType {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for EventType {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.as_str().cmp(other.as_str())
    }
}
impl hash::Hash for EventType {
    fn hash<H: hash::Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}
impl Borrow<str> for EventType {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}
impl AsRef<str> for EventType {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}
impl FromStr for EventType {
    type Err = InvalidEventType;
    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::parse(name)
    }
}
impl Serialize for EventType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}
impl<'de> Deserialize<'de> for EventType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&name).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_grammar() {
        let longest = format!("a.{}", "b".repeat(98));
        for good in ["user.signup", "a.b", "org.member_invited", "a1.b2_3", "a.b.c_d.e", longest.as_str()] {
            assert!(EventType::parse(good).is_ok(), "{good}");
        }
        let too_long = format!("a.{}", "b".repeat(99));
        for bad in [
            "",
            "user",
            "User.signup",
            "user.Signup",
            "user signup",
            "user..signup",
            ".user",
            "user.",
            "user._a",
            "user.a_",
            "user.a__b",
            "user.1a",
            "user.sígnup",
            "user.a-b",
            "*",
            "user.*",
            too_long.as_str(),
        ] {
            assert!(EventType::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_error_names_the_place_and_the_remedy() {
        let error = EventType::parse("user.Signup").unwrap_err().to_string();
        assert_eq!(
            error,
            "`user.Signup` is not an event type: character 6: a segment starts with a lower-case letter a to z"
        );
    }

    /// R016 `test_event_type_is_string_enum`
    #[test]
    fn r016_displays_the_name_and_debugs_as_the_constant() {
        let signup = EventType::from_static("user.signup");
        assert_eq!(signup.to_string(), "user.signup");
        assert_eq!(format!("{signup:?}"), "EventType.USER_SIGNUP");
        assert_eq!(serde_json::to_string(&signup).unwrap(), r#""user.signup""#);
    }
}
