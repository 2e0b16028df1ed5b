//! The database's clock, told without asking it each time.

use std::{
    sync::{
        Arc, RwLock,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use events_core::ports::Clock;
use jiff::{SignedDuration, Timestamp};
use sqlx::{Executor, Row};
use tokio::task::AbortHandle;

use crate::{database::Database, error::Failure};

/// Between measurements: two quartz clocks drift apart by about 1 ms in that time, at worst.
const MEASURED_EVERY: Duration = Duration::from_secs(10);

/// Questions of one measurement; the one that was answered quickest counts.
const QUESTIONS: usize = 3;

/// The time of the database, for all hosts that share it.
///
/// Its distance from this machine's monotonic clock is measured when the store is opened and every 10 s
/// after, to half a round trip. In between, the monotonic clock goes on by itself, so telling the time
/// costs nothing, and setting the host's clock changes nothing. It never goes backwards: when the
/// database's clock is set back, it stands still until that has caught up.
#[derive(Clone, Debug)]
pub struct PgClock(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    reading: RwLock<Reading>,
    /// The latest time told, in microseconds since 1970.
    told: AtomicI64,
    task: RwLock<Option<AbortHandle>>,
}

/// What the database's clock showed at a moment of this machine.
#[derive(Clone, Copy, Debug)]
struct Reading {
    at: Instant,
    micros: i64,
    /// The host's clock minus the database's, in microseconds.
    skew: i64,
    /// The time the question took.
    round_trip: Duration,
}

impl PgClock {
    /// Measures, and goes on measuring as long as a clone of this is there.
    pub(crate) async fn start(database: Database) -> Result<Self, Failure> {
        let reading = RwLock::new(measure(&database).await?);
        let inner = Arc::new(Inner { reading, told: AtomicI64::new(i64::MIN), task: RwLock::default() });
        let weak = Arc::downgrade(&inner);
        let task = tokio::spawn(async move {
            loop {
                tokio::time::sleep(MEASURED_EVERY).await;
                let reading = measure(&database).await;
                let Some(inner) = weak.upgrade() else { return };
                match reading {
                    Ok(reading) => inner.set(reading),
                    Err(failure) => tracing::debug!("The clock goes on by itself: {}", failure.undone()),
                }
            }
        });
        if let Ok(mut kept) = inner.task.write() {
            *kept = Some(task.abort_handle());
        }
        Ok(Self(inner))
    }

    /// How far this host's clock is ahead of the database's; negative: behind. As precise as half of
    /// [`Self::round_trip`].
    #[must_use]
    pub fn skew(&self) -> SignedDuration {
        SignedDuration::from_micros(self.0.reading().skew)
    }

    /// How long the latest measurement took, there and back.
    #[must_use]
    pub fn round_trip(&self) -> Duration {
        self.0.reading().round_trip
    }
}

impl Clock for PgClock {
    fn now(&self) -> Timestamp {
        let reading = self.0.reading();
        let since = i64::try_from(reading.at.elapsed().as_micros()).unwrap_or(i64::MAX);
        let now = reading.micros.saturating_add(since);
        let now = now.max(self.0.told.fetch_max(now, Ordering::AcqRel));
        Timestamp::from_microsecond(now).unwrap_or(Timestamp::MAX)
    }
}

impl Inner {
    fn reading(&self) -> Reading {
        *self.reading.read().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn set(&self, reading: Reading) {
        *self.reading.write().unwrap_or_else(std::sync::PoisonError::into_inner) = reading;
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Ok(Some(task)) = self.task.read().as_deref() {
            task.abort();
        }
    }
}

async fn measure(database: &Database) -> Result<Reading, Failure> {
    let mut connection = database.connection().await?;
    let mut best: Option<Reading> = None;
    for _ in 0..QUESTIONS {
        let at = Instant::now();
        let row = connection.fetch_one("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint").await?;
        let round_trip = at.elapsed();
        let micros: i64 = row.try_get(0)?;
        let at = at + round_trip / 2;
        let host = Timestamp::now().as_microsecond() - i64::try_from(at.elapsed().as_micros()).unwrap_or_default();
        if best.is_none_or(|best| round_trip < best.round_trip) {
            best = Some(Reading { at, micros, skew: host - micros, round_trip });
        }
    }
    connection.give_back();
    best.ok_or_else(|| Failure::Corrupt("the clock was not asked".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_stands_still_rather_than_going_back() {
        let reading = |micros| Reading { at: Instant::now(), micros, skew: 0, round_trip: Duration::ZERO };
        let first = 1_800_000_000_000_000;
        let clock = PgClock(Arc::new(Inner {
            reading: RwLock::new(reading(first)),
            told: AtomicI64::new(i64::MIN),
            task: RwLock::default(),
        }));
        let before = clock.now();
        clock.0.set(reading(first - 3_600_000_000));
        assert_eq!(clock.now(), before);
        clock.0.set(reading(first + 3_600_000_000));
        assert!(clock.now() > before);
    }
}
