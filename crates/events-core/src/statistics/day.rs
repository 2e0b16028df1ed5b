//! Days, by which statistics are counted.

use std::fmt;

use jiff::{SignedDuration, Timestamp, tz::TimeZone};

const SECONDS: i64 = 24 * 3600;

/// A day in UTC, as the number of days since 1970-01-01. Written as a date: `2026-11-25`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(pub i64);

impl Day {
    /// The day that a time is in.
    #[must_use]
    pub fn of(time: Timestamp) -> Self {
        // Timestamps before 1970 have a negative fraction.
        Self(time.as_microsecond().div_euclid(SECONDS * 1_000_000))
    }

    /// This many days before.
    #[must_use]
    pub fn minus(self, days: u16) -> Self {
        Self(self.0 - i64::from(days))
    }

    /// Each day from this one to `last`, both included.
    pub fn to(self, last: Self) -> impl Iterator<Item = Self> {
        (self.0..=last.0).map(Self)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let begins = Timestamp::UNIX_EPOCH.saturating_add(SignedDuration::from_secs(self.0.saturating_mul(SECONDS)));
        TimeZone::UTC.to_datetime(begins.unwrap_or(Timestamp::MAX)).date().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_at_midnight_utc() {
        let day = |text: &str| Day::of(text.parse().unwrap());
        assert_eq!(day("1970-01-01T00:00:00Z"), Day(0));
        assert_eq!(day("1969-12-31T23:59:59.999999Z"), Day(-1));
        assert_eq!(day("2026-11-25T23:59:59.999999Z").to_string(), "2026-11-25");
        assert_eq!(day("2026-11-26T00:00:00Z"), Day(day("2026-11-25T12:00:00Z").0 + 1));
    }

    #[test]
    fn days_are_told_from_first_to_last() {
        let last: Day = Day::of("2026-03-01T08:00:00Z".parse().unwrap());
        let told: Vec<String> = last.minus(2).to(last).map(|day| day.to_string()).collect();
        assert_eq!(told, ["2026-02-27", "2026-02-28", "2026-03-01"]);
    }
}
