//! When the next delivery can be claimed: at that time it can, and before it cannot.

use std::time::Duration;

use jiff::Timestamp;

use super::steps::works;
use crate::{
    delivery::{Pacing, TargetEffect},
    ports::NewDelivery,
    testkit::{Fixture, affecting, at, claim, dead, delivery, done, event, retry},
};

async fn next_due(fixture: &Fixture) -> Option<Timestamp> {
    works(fixture.store.next_due(&"slack".into()).await)
}

fn due(target: &str, seconds: i64) -> NewDelivery {
    NewDelivery { due_at: at(seconds), ..delivery("slack", target) }
}

/// "`None` when nothing waits": nothing at all, only for another handler, or only leased.
pub async fn nothing_is_due_when_nothing_waits(fixture: &Fixture) {
    assert_eq!(next_due(fixture).await, None);
    fixture.routed(event("user.signup"), vec![delivery("email", "x")]).await;
    assert_eq!(next_due(fixture).await, None);
    fixture.sent("slack", "#general").await;
    let claimed = fixture.claimed_one(claim("slack")).await;
    assert_eq!(next_due(fixture).await, None);
    fixture.settled(done(&claimed, at(1))).await;
    assert_eq!(next_due(fixture).await, None);
}

/// The earliest due time of all targets; "may be in the past".
pub async fn the_earliest_delivery_is_due_next(fixture: &Fixture) {
    fixture.routed(event("user.signup"), vec![due("#a", 20), due("#b", 10), due("#a", 30)]).await;
    assert_eq!(next_due(fixture).await, Some(at(10)));
    let claimed = fixture.claimed_one(claim("slack").at(at(10))).await;
    assert_eq!(next_due(fixture).await, Some(at(20)));
    fixture.settled(retry(&claimed, at(15), at(11))).await;
    assert_eq!(next_due(fixture).await, Some(at(15)));
    fixture.routed(event("user.signup"), vec![due("#c", -5)]).await;
    assert_eq!(next_due(fixture).await, Some(at(-5)));
}

/// "Paused targets count with the end of their pause."
pub async fn a_paused_target_is_due_at_the_end_of_its_pause(fixture: &Fixture) {
    fixture.routed(event("user.signup"), vec![due("#a", 0), due("#a", 0), due("#b", 90)]).await;
    let claimed = fixture.claimed_one(claim("slack").limit(1)).await;
    fixture.settled(affecting(done(&claimed, at(1)), TargetEffect::PauseUntil(at(60)))).await;
    assert_eq!(next_due(fixture).await, Some(at(60)));
    assert_eq!(fixture.claimed(claim("slack").at(at(60))).await.len(), 1);
    assert_eq!(next_due(fixture).await, Some(at(90)));
}

/// A disabled target is not due until somebody resumes it.
pub async fn a_disabled_target_is_not_due(fixture: &Fixture) {
    fixture.routed(event("user.signup"), vec![due("#a", 0), due("#a", 5), due("#b", 90)]).await;
    let claimed = fixture.claimed_one(claim("slack").limit(1)).await;
    let disable = TargetEffect::Disable("410 gone".to_owned());
    fixture.settled(affecting(dead(&claimed, "410 gone", at(1)), disable)).await;
    assert_eq!(next_due(fixture).await, Some(at(90)));
    works(fixture.targets.resume(&"slack".into(), None, at(2)).await);
    assert_eq!(next_due(fixture).await, Some(at(5)));
}

/// A paced target is due when its rate allows the next call.
pub async fn a_paced_target_is_due_when_its_rate_allows(fixture: &Fixture) {
    let pacing = Pacing { interval: Duration::from_secs(10), burst: 1, digest_over: 5, digest_max: 8 };
    fixture.routed(event("user.signup"), vec![due("#a", 0), due("#a", 0)]).await;
    assert_eq!(fixture.claimed(claim("slack").paced(&pacing).at(at(2))).await.len(), 1);
    assert_eq!(next_due(fixture).await, Some(at(12)));
    assert_eq!(fixture.claimed(claim("slack").paced(&pacing).at(at(11))).await, []);
    assert_eq!(fixture.claimed(claim("slack").paced(&pacing).at(at(12))).await.len(), 1);
    assert_eq!(next_due(fixture).await, None);
}
