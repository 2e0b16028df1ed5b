//! Pacing: a target is held to its rate over all callers together.

use std::time::Duration;

use super::steps::works;
use crate::{
    delivery::Pacing,
    testkit::{ClaimBuilder, Fixture, at, claim, delivery, event},
};

/// One message per ten seconds, two saved up, a digest beyond five.
const PACING: Pacing = Pacing { interval: Duration::from_secs(10), burst: 2, digest_over: 5, digest_max: 8 };

async fn pile(fixture: &Fixture, target: &str, count: usize) {
    fixture.routed(event("user.signup"), vec![delivery("slack", target); count]).await;
}

fn paced(seconds: i64) -> ClaimBuilder {
    claim("slack").paced(&PACING).at(at(seconds))
}

/// "A target gives out what `Pacing::take` grants": its burst, then one for each interval.
pub async fn a_paced_target_gives_its_burst_then_one_per_interval(fixture: &Fixture) {
    pile(fixture, "#general", 5).await;
    assert_eq!(fixture.claimed(paced(0)).await.len(), 2);
    assert_eq!(fixture.claimed(paced(9)).await, []);
    assert_eq!(fixture.claimed(paced(10)).await.len(), 1);
    assert_eq!(fixture.claimed(paced(19)).await, []);
    assert_eq!(fixture.claimed(paced(20)).await.len(), 1);
}

/// The rate holds "over all callers together": the state is the target's, not the worker's.
pub async fn the_rate_holds_over_all_callers(fixture: &Fixture) {
    pile(fixture, "#general", 4).await;
    assert_eq!(fixture.claimed(paced(0).worker("one").limit(1)).await.len(), 1);
    assert_eq!(fixture.claimed(paced(0).worker("two")).await.len(), 1, "one of the burst is left");
    assert_eq!(fixture.claimed(paced(1).worker("three")).await, []);
}

/// "When more deliveries than this wait for one target, they are handled as one digest, in one call."
pub async fn a_pile_is_given_out_as_one_digest(fixture: &Fixture) {
    pile(fixture, "#general", 20).await;
    assert_eq!(fixture.claimed(paced(0)).await.len(), 8, "one call, with as many as a digest holds");
    assert_eq!(fixture.claimed(paced(0)).await.len(), 8, "the second call of the burst");
    assert_eq!(fixture.claimed(paced(9)).await, []);
    assert_eq!(fixture.claimed(paced(10)).await.len(), 1, "four are no pile");
}

/// What is not due yet and what is leased makes no pile.
pub async fn only_what_is_due_makes_a_pile(fixture: &Fixture) {
    let later = crate::ports::NewDelivery { due_at: at(100), ..delivery("slack", "#general") };
    fixture.routed(event("user.signup"), vec![later; 9]).await;
    pile(fixture, "#general", 5).await;
    assert_eq!(fixture.claimed(paced(0)).await.len(), 2);
}

/// Each target has its own rate: one that is out of calls holds up nobody.
pub async fn a_target_out_of_calls_holds_up_nobody(fixture: &Fixture) {
    pile(fixture, "#a", 5).await;
    assert_eq!(fixture.claimed(paced(0)).await.len(), 2);
    pile(fixture, "#b", 1).await;
    assert_eq!(fixture.claimed_one(paced(1)).await.target, "#b".into());
}

/// "At most `limit`", and what the limit kept back costs the rate nothing.
pub async fn a_paced_claim_is_bounded_by_its_limit(fixture: &Fixture) {
    pile(fixture, "#a", 20).await;
    pile(fixture, "#b", 20).await;
    let digests = fixture.claimed(paced(0).limit(10)).await;
    let of = |target: &str| digests.iter().filter(|it| it.target.as_str() == target).count();
    assert_eq!((of("#a"), of("#b")), (8, 2));
    pile(fixture, "#c", 2).await;
    assert_eq!(fixture.claimed(paced(0).limit(0)).await, []);
}

/// A target that rested has saved up its burst, and no more.
pub async fn a_rest_saves_up_the_burst_and_no_more(fixture: &Fixture) {
    pile(fixture, "#general", 2).await;
    assert_eq!(fixture.claimed(paced(0)).await.len(), 2);
    pile(fixture, "#general", 5).await;
    assert_eq!(fixture.claimed(paced(1_000)).await.len(), 2);
    assert_eq!(fixture.claimed(paced(1_009)).await, []);
}

/// The pacing of a target survives its mending: a pause that is lifted frees no calls.
pub async fn resuming_a_target_frees_no_calls(fixture: &Fixture) {
    pile(fixture, "#general", 4).await;
    assert_eq!(fixture.claimed(paced(0)).await.len(), 2);
    works(fixture.targets.resume(&"slack".into(), None, at(1)).await);
    assert_eq!(fixture.claimed(paced(1)).await, []);
}
