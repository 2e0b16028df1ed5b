//! Fairness: every organization and every target gets its turn before one gets more.

use super::steps::names;
use crate::{
    delivery::TargetEffect,
    ports::NewDelivery,
    testkit::{Fixture, SubscriptionBuilder, affecting, at, claim, delivery, done, event, secret, subscription},
};

/// `count` deliveries to one target, due at `seconds`.
async fn pile(fixture: &Fixture, target: &str, count: usize, seconds: i64) {
    let waiting = NewDelivery { due_at: at(seconds), ..delivery("webhooks", target) };
    fixture.routed(event("user.signup"), vec![waiting; count]).await;
}

async fn claimed_targets(fixture: &Fixture, limit: usize) -> Vec<String> {
    let claimed = fixture.claimed(claim("webhooks").at(at(10)).limit(limit)).await;
    names(claimed.into_iter().map(|it| it.target))
}

/// "Every target with due work gets its turn before one target gets more."
pub async fn a_pile_for_one_target_does_not_hold_up_the_others(fixture: &Fixture) {
    pile(fixture, "a", 50, 1).await;
    pile(fixture, "b", 1, 2).await;
    pile(fixture, "c", 1, 3).await;
    assert_eq!(claimed_targets(fixture, 4).await, ["a", "a", "b", "c"]);
}

/// Each target has the same share of the limit.
pub async fn targets_share_a_claim_evenly(fixture: &Fixture) {
    for target in ["a", "b", "c"] {
        pile(fixture, target, 9, 0).await;
    }
    assert_eq!(claimed_targets(fixture, 6).await, ["a", "a", "b", "b", "c", "c"]);
}

/// What some targets leave of their share goes to those with more, in the same order.
pub async fn room_that_is_left_goes_to_targets_with_more(fixture: &Fixture) {
    pile(fixture, "a", 1, 1).await;
    pile(fixture, "b", 4, 2).await;
    pile(fixture, "c", 9, 3).await;
    // Shares of three; `a` leaves two, of which `b` takes one.
    assert_eq!(claimed_targets(fixture, 9).await, ["a", "b", "b", "b", "b", "c", "c", "c", "c"]);
}

/// With more targets than the limit, those that have waited longest have their turn, and the
/// others have theirs with the next claim.
pub async fn a_small_claim_serves_those_that_have_waited_longest(fixture: &Fixture) {
    for (target, seconds) in [("a", 4), ("b", 3), ("c", 2), ("d", 1)] {
        pile(fixture, target, 2, seconds).await;
    }
    assert_eq!(claimed_targets(fixture, 2).await, ["d", "c"]);
    assert_eq!(claimed_targets(fixture, 2).await, ["d", "c"], "what is left of them is older than the others");
    assert_eq!(claimed_targets(fixture, 2).await, ["b", "a"]);
}

/// A target that rests takes no share of a claim.
pub async fn a_target_that_rests_takes_no_share(fixture: &Fixture) {
    pile(fixture, "a", 1, 0).await;
    let claimed = fixture.claimed_one(claim("webhooks")).await;
    let pause = TargetEffect::PauseUntil(at(60));
    fixture.settled(affecting(done(&claimed, at(1)), pause)).await;
    pile(fixture, "a", 5, 0).await;
    pile(fixture, "b", 2, 2).await;
    assert_eq!(claimed_targets(fixture, 2).await, ["b", "b"]);
}

/// A target that was paused is as old as the end of its pause, however long its deliveries waited.
pub async fn a_paused_target_queues_up_again_at_the_end_of_its_pause(fixture: &Fixture) {
    pile(fixture, "a", 1, 0).await;
    let claimed = fixture.claimed_one(claim("webhooks")).await;
    fixture.settled(affecting(done(&claimed, at(1)), TargetEffect::PauseUntil(at(5)))).await;
    pile(fixture, "a", 1, 0).await;
    pile(fixture, "b", 1, 4).await;
    assert_eq!(claimed_targets(fixture, 1).await, ["b"]);
}

/// "None gets more than its allowance", and what it leaves goes to others.
pub async fn a_target_gets_no_more_than_its_allowance(fixture: &Fixture) {
    for target in ["a", "b", "c"] {
        pile(fixture, target, 9, 0).await;
    }
    let request = claim("webhooks").at(at(10)).limit(12).allowing("a", 1).each(6);
    let claimed = fixture.claimed(request).await;
    let claimed = names(claimed.into_iter().map(|it| it.target));
    assert_eq!(claimed, ["a", "b", "b", "b", "b", "b", "b", "c", "c", "c", "c", "c"]);
    let claimed = fixture.claimed(claim("webhooks").at(at(10)).limit(100).each(2)).await;
    assert_eq!(names(claimed.into_iter().map(|it| it.target)), ["a", "a", "b", "b", "c", "c"]);
}

/// A target that is allowed nothing takes no place among those that have their turn.
pub async fn a_target_that_is_allowed_nothing_is_passed_over(fixture: &Fixture) {
    for (target, seconds) in [("a", 1), ("b", 2), ("c", 3)] {
        pile(fixture, target, 3, seconds).await;
    }
    let request = claim("webhooks").at(at(10)).limit(2).allowing("a", 0).allowing("nobody", 0);
    let claimed = fixture.claimed(request).await;
    assert_eq!(names(claimed.into_iter().map(|it| it.target)), ["b", "c"]);
    let none = fixture.claimed(claim("webhooks").at(at(10)).allowing("b", 5).each(0).allowing("c", 0)).await;
    assert_eq!(names(none.into_iter().map(|it| it.target)), ["b", "b"]);
    let left = fixture.claimed(claim("webhooks").at(at(10))).await;
    assert_eq!(names(left.into_iter().map(|it| it.target)), ["a", "a", "a", "c", "c"]);
}

/// An endpoint with `count` deliveries that are due at `seconds`.
async fn endpoint(fixture: &Fixture, of: SubscriptionBuilder, count: usize, seconds: i64) -> String {
    let subscription = of.build();
    let subscription_id = subscription.subscription_id;
    fixture.subscriptions.create(subscription, secret(subscription_id)).await.expect("the store under test works");
    pile(fixture, &subscription_id.to_string(), count, seconds).await;
    subscription_id.to_string()
}

/// Each organization has the same share of the limit, however many endpoints it has.
pub async fn organizations_share_a_claim_evenly(fixture: &Fixture) {
    let mut many = Vec::new();
    for seconds in [1, 2] {
        many.push(endpoint(fixture, subscription("org_1"), 9, seconds).await);
    }
    let one = endpoint(fixture, subscription("org_2"), 9, 3).await;
    let [first, second] = [&many[0], &many[1]];
    let expected = [first, first, &one, &one, &one, &one, second, second];
    assert_eq!(claimed_targets(fixture, 8).await, expected.map(String::as_str));
}

/// An organization whose many endpoints have waited longer does not hold up the endpoint of another one.
pub async fn more_endpoints_than_the_limit_do_not_hold_up_another_organization(fixture: &Fixture) {
    let mut many = Vec::new();
    for seconds in 0..6 {
        many.push(endpoint(fixture, subscription("org_1"), 2, seconds).await);
    }
    let one = endpoint(fixture, subscription("org_2"), 9, 7).await;
    assert_eq!(claimed_targets(fixture, 4).await, [&many[0], &one, &one, &many[1]].map(String::as_str));
    assert_eq!(claimed_targets(fixture, 4).await, [&many[0], &one, &one, &many[1]].map(String::as_str));
    assert_eq!(claimed_targets(fixture, 2).await, [&many[2], &one].map(String::as_str));
}

/// More endpoints than the share of their organization have one each, as many as have waited longest.
pub async fn endpoints_of_an_organization_share_what_it_gets(fixture: &Fixture) {
    let mut many = Vec::new();
    for seconds in 0..3 {
        many.push(endpoint(fixture, subscription("org_1"), 9, seconds).await);
    }
    let one = endpoint(fixture, subscription("org_2"), 1, 7).await;
    // Two for each organization; what the second one leaves goes to the first endpoint.
    assert_eq!(claimed_targets(fixture, 4).await, [&many[0], &many[0], &one, &many[1]].map(String::as_str));
}

/// Targets that belong to nobody count as those of one organization.
pub async fn targets_of_nobody_share_as_one_organization_does(fixture: &Fixture) {
    pile(fixture, "a", 9, 1).await;
    let everybodys = endpoint(fixture, subscription("").of_everybody(), 9, 2).await;
    let one = endpoint(fixture, subscription("org_1"), 9, 3).await;
    let expected = ["a", "a", &one, &one, &one, &one, &everybodys, &everybodys];
    assert_eq!(claimed_targets(fixture, 8).await, expected);
}

/// A target of the same name that another handler has is nobody's.
pub async fn only_webhooks_belong_to_organizations(fixture: &Fixture) {
    let mut targets = Vec::new();
    for (organization, seconds) in [("org_1", 1), ("org_1", 2), ("org_2", 3)] {
        let target = endpoint(fixture, subscription(organization), 0, 0).await;
        let waiting = NewDelivery { due_at: at(seconds), ..delivery("other", &target) };
        fixture.routed(event("user.signup"), vec![waiting; 9]).await;
        targets.push(target);
    }
    let claimed = fixture.claimed(claim("other").at(at(10)).limit(3)).await;
    assert_eq!(names(claimed.into_iter().map(|it| it.target)), targets);
}
