//! How long an endpoint has only failed, and what is due because of it: a notice at half of the time and at nine
//! tenths, the end at five days.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// An endpoint that only failed for this long is disabled.
pub const DISABLED_AFTER: Duration = Duration::from_secs(5 * 24 * 3600);

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Notice {
    /// Half of the time is over: tell the subscriber.
    Half,
    /// Nine tenths are over: tell the subscriber again.
    NineTenths,
    /// Disable the subscription, and tell of it.
    Disable,
}

/// The failing of one endpoint, to be stored with its subscription.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outage {
    /// Since when every call failed; `None` after a success.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failing_since: Option<Timestamp>,
    /// The last notice that was due since then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub noticed: Option<Notice>,
}

impl Outage {
    /// The end of a call. Success forgets everything.
    ///
    /// A notice is returned once; when several became due meanwhile, the last one. An endpoint is disabled by a
    /// failing call only, never by silence: five days without events are no outage.
    #[must_use]
    pub fn after(self, succeeded: bool, now: Timestamp, disabled_after: Duration) -> (Self, Option<Notice>) {
        if succeeded {
            return (Self::default(), None);
        }
        let since = self.failing_since.unwrap_or(now);
        let failing = Duration::try_from(now.duration_since(since)).unwrap_or_default();
        let due = if failing >= disabled_after && !disabled_after.is_zero() {
            Some(Notice::Disable)
        } else if failing >= disabled_after.mul_f64(0.9) {
            Some(Notice::NineTenths)
        } else if failing >= disabled_after / 2 {
            Some(Notice::Half)
        } else {
            None
        };
        let due = due.filter(|due| self.noticed.is_none_or(|noticed| *due > noticed));
        (Self { failing_since: Some(since), noticed: due.or(self.noticed) }, due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600;

    /// Fails at these hours and collects the notices.
    fn notices(hours: &[i64]) -> Vec<(i64, Notice)> {
        let mut outage = Outage::default();
        let mut noticed = Vec::new();
        for hour in hours {
            let (next, notice) = outage.after(false, at(*hour), DISABLED_AFTER);
            noticed.extend(notice.map(|notice| (*hour, notice)));
            outage = next;
        }
        noticed
    }

    fn at(hour: i64) -> Timestamp {
        Timestamp::from_second(hour * HOUR).unwrap()
    }

    #[test]
    fn each_notice_is_due_once_and_the_end_after_five_days() {
        let every_hour: Vec<_> = (0..=121).collect();
        let expected = [(60, Notice::Half), (108, Notice::NineTenths), (120, Notice::Disable)];
        assert_eq!(notices(&every_hour), expected);
    }

    #[test]
    fn of_several_that_are_due_the_last_one_counts() {
        assert_eq!(notices(&[0, 110]), [(110, Notice::NineTenths)]);
        assert_eq!(notices(&[0, 500]), [(500, Notice::Disable)]);
    }

    #[test]
    fn one_success_begins_anew_and_the_first_failure_is_no_outage() {
        let (failing, _) = Outage::default().after(false, at(0), DISABLED_AFTER);
        assert_eq!(failing.failing_since, Some(at(0)));
        let (well, notice) = failing.after(true, at(119), DISABLED_AFTER);
        assert_eq!((well, notice), (Outage::default(), None));
        let (again, notice) = well.after(false, at(121), DISABLED_AFTER);
        assert_eq!((again.failing_since, notice), (Some(at(121)), None));
    }

    #[test]
    fn a_clock_that_went_back_disables_nobody() {
        let (failing, _) = Outage::default().after(false, at(1_000), DISABLED_AFTER);
        assert_eq!(failing.after(false, at(0), DISABLED_AFTER).1, None);
    }
}
