//! Leases: renewed while the worker lives, released when it was not heard of again.

use super::steps::works;
use crate::{
    delivery::{AttemptOutcome, DeliveryState, ErrorClass, Lease, LeaseRef},
    testkit::{Fixture, at, claim, done},
};

/// "Extends leases until `until`": what is renewed is not released.
pub async fn a_renewed_lease_is_not_released(fixture: &Fixture) {
    fixture.sent("slack", "#general").await;
    let claimed = fixture.claimed_one(claim("slack").lease(30)).await;
    assert_eq!(works(fixture.store.renew(vec![claimed.lease_ref()], at(60)).await), []);
    assert_eq!(works(fixture.store.release_expired(at(60), 10).await), 0);
    fixture.settled(done(&claimed, at(60))).await;
}

/// "Answers those that are no longer held", in the order given: ended, lost to another, unknown.
pub async fn renewing_names_the_leases_that_are_lost(fixture: &Fixture) {
    for target in ["#ended", "#held", "#lost"] {
        fixture.sent("slack", target).await;
    }
    let claimed = fixture.claimed(claim("slack").lease(30)).await;
    let [ended, held, lost] = &claimed[..] else { panic!("three deliveries: {claimed:?}") };
    fixture.settled(done(ended, at(1))).await;
    works(fixture.store.renew(vec![held.lease_ref()], at(60)).await);
    works(fixture.store.release_expired(at(31), 10).await);
    let older = LeaseRef { lease: Lease(held.lease.0 - 1), ..held.lease_ref() };
    let all = vec![lost.lease_ref(), held.lease_ref(), older, ended.lease_ref()];
    assert_eq!(works(fixture.store.renew(all, at(90)).await), [lost.lease_ref(), older, ended.lease_ref()]);
}

/// "Makes deliveries whose lease ended before `now` due again, with an attempt record of class
/// `lost` for each."
pub async fn a_lost_claim_is_due_again_and_on_record(fixture: &Fixture) {
    let stored = fixture.sent("slack", "#general").await;
    let lost = fixture.claimed_one(claim("slack").lease(30)).await;
    assert_eq!(works(fixture.store.release_expired(at(31), 10).await), 1);
    let record = fixture.delivery_of(&stored).await;
    assert_eq!((record.state, record.attempts, record.due_at), (DeliveryState::Pending, 1, Some(at(31))));
    assert_eq!(record.last_error.as_deref(), Some("the worker was not heard of again"));
    let [attempt] = &fixture.attempts(lost.delivery_id).await[..] else { panic!("one attempt record") };
    assert_eq!((attempt.outcome, attempt.is_final, attempt.number), (AttemptOutcome::Lost, false, 1));
    assert_eq!((&attempt.error_class, attempt.created_at), (&Some(ErrorClass::LOST), at(31)));
    let next = fixture.claimed_one(claim("slack").at(at(31))).await;
    assert!(next.attempt == 2 && next.lease > lost.lease, "{next:?}");
}

/// A lease lasts up to and including its last moment.
pub async fn a_lease_lasts_until_its_end(fixture: &Fixture) {
    fixture.sent("slack", "#general").await;
    fixture.claimed_one(claim("slack").lease(30)).await;
    assert_eq!(works(fixture.store.release_expired(at(30), 10).await), 0);
    assert_eq!(works(fixture.store.release_expired(at(31), 10).await), 1);
    assert_eq!(works(fixture.store.release_expired(at(31), 10).await), 0, "it is released once");
}

/// "At most `limit`", those whose lease ended first first.
pub async fn the_longest_lost_are_released_first(fixture: &Fixture) {
    for target in ["#a", "#b", "#c"] {
        fixture.sent("slack", target).await;
    }
    let mut claimed = Vec::new();
    for lease in [40, 20, 30] {
        claimed.push(fixture.claimed_one(claim("slack").limit(1).lease(lease)).await);
    }
    assert_eq!(works(fixture.store.release_expired(at(60), 2).await), 2);
    let held = claimed.iter().map(|it| it.lease_ref()).collect();
    let lost = works(fixture.store.renew(held, at(90)).await);
    assert_eq!(lost, [claimed[1].lease_ref(), claimed[2].lease_ref()]);
}
