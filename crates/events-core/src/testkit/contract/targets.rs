//! Targets that rest: who they are, and how they are mended.

use super::steps::works;
use crate::{
    delivery::TargetEffect,
    ports::TargetState,
    testkit::{Fixture, affecting, at, claim, dead, delivery, done, event, retry},
};

/// Two deliveries to a target; the first one's settlement has `effect`.
async fn troubled(fixture: &Fixture, handler: &str, target: &str, effect: TargetEffect) {
    fixture.routed(event("user.signup"), vec![delivery(handler, target); 2]).await;
    let claimed = fixture.claimed_one(claim(handler).limit(1)).await;
    fixture.settled(affecting(dead(&claimed, "410 gone", at(1)), effect)).await;
}

fn pause(seconds: i64) -> TargetEffect {
    TargetEffect::PauseUntil(at(seconds))
}

fn disable() -> TargetEffect {
    TargetEffect::Disable("410 gone".to_owned())
}

async fn names(fixture: &Fixture, seconds: i64) -> Vec<String> {
    let states = works(fixture.targets.troubled(at(seconds)).await);
    states.into_iter().map(|it| format!("{} {}", it.handler, it.target)).collect()
}

/// "Targets that are paused after `now` or disabled, by handler and name."
pub async fn targets_that_rest_are_listed_by_handler_and_name(fixture: &Fixture) {
    troubled(fixture, "slack", "#b", pause(60)).await;
    troubled(fixture, "slack", "#a", disable()).await;
    troubled(fixture, "email", "x", pause(30)).await;
    fixture.sent("slack", "#healthy").await;
    assert_eq!(names(fixture, 2).await, ["email x", "slack #a", "slack #b"]);
    assert_eq!(names(fixture, 30).await, ["slack #a", "slack #b"], "a pause that is over is none");
    assert_eq!(names(fixture, 60).await, ["slack #a"]);
}

/// What is known about a target: since when, until when, what it said, and what waits for it.
pub async fn a_target_that_rests_says_why_and_what_waits(fixture: &Fixture) {
    troubled(fixture, "slack", "#a", pause(60)).await;
    troubled(fixture, "slack", "#b", disable()).await;
    let leased = fixture.claimed(claim("slack").at(at(60))).await;
    assert_eq!(leased.len(), 1);
    fixture.sent("slack", "#b").await;
    let states = works(fixture.targets.troubled(at(2)).await);
    let paused = TargetState {
        handler: "slack".into(),
        target: "#a".into(),
        paused_until: Some(at(60)),
        disabled_at: None,
        reason: None,
        waiting: 0,
    };
    let disabled = TargetState {
        target: "#b".into(),
        paused_until: None,
        disabled_at: Some(at(1)),
        reason: Some("410 gone".to_owned()),
        waiting: 2,
        ..paused.clone()
    };
    assert_eq!(states, [paused, disabled]);
}

/// "Ends pauses and disablement: of one target." What waited is due again.
pub async fn resuming_a_target_lets_its_deliveries_go(fixture: &Fixture) {
    troubled(fixture, "slack", "#a", disable()).await;
    troubled(fixture, "slack", "#b", disable()).await;
    troubled(fixture, "email", "#a", disable()).await;
    assert_eq!(fixture.claimed(claim("slack").at(at(2))).await, []);
    assert_eq!(works(fixture.targets.resume(&"slack".into(), Some(&"#a".into()), at(2)).await), 1);
    assert_eq!(names(fixture, 2).await, ["email #a", "slack #b"]);
    assert_eq!(fixture.claimed_one(claim("slack").at(at(2))).await.target, "#a".into());
}

/// "Or of all of the handler."
pub async fn resuming_a_handler_mends_all_of_its_targets(fixture: &Fixture) {
    troubled(fixture, "slack", "#a", disable()).await;
    troubled(fixture, "slack", "#b", pause(60)).await;
    troubled(fixture, "email", "x", pause(60)).await;
    assert_eq!(works(fixture.targets.resume(&"slack".into(), None, at(2)).await), 2);
    assert_eq!(names(fixture, 2).await, ["email x"]);
    assert_eq!(fixture.claimed(claim("slack").at(at(2))).await.len(), 2);
}

/// "Answers how many targets were mended": those that rested, and no others.
pub async fn resuming_counts_those_that_rested(fixture: &Fixture) {
    troubled(fixture, "slack", "#a", pause(60)).await;
    let resume = async |target: &str, seconds| {
        works(fixture.targets.resume(&"slack".into(), Some(&target.into()), at(seconds)).await)
    };
    assert_eq!(resume("#unknown", 2).await, 0);
    assert_eq!(resume("#a", 60).await, 0, "the pause was over");
    assert_eq!(resume("#a", 59).await, 1);
    assert_eq!(resume("#a", 59).await, 0);
}

/// A target that is paused and disabled rests until both are over; resuming ends both.
pub async fn a_target_can_be_paused_and_disabled(fixture: &Fixture) {
    fixture.routed(event("user.signup"), vec![delivery("slack", "#a"); 3]).await;
    let claimed = fixture.claimed(claim("slack").limit(2)).await;
    fixture.settled(affecting(retry(&claimed[0], at(5), at(1)), pause(60))).await;
    fixture.settled(affecting(dead(&claimed[1], "410 gone", at(2)), disable())).await;
    assert_eq!(fixture.claimed(claim("slack").at(at(60))).await, []);
    let [state] = &works(fixture.targets.troubled(at(3)).await)[..] else { panic!("one target rests") };
    assert_eq!((state.paused_until, state.disabled_at), (Some(at(60)), Some(at(2))));
    assert_eq!(works(fixture.targets.resume(&"slack".into(), None, at(3)).await), 1);
    assert_eq!(fixture.claimed(claim("slack").at(at(5))).await.len(), 2);
}

/// A target with the same name at another handler is another target.
pub async fn targets_of_two_handlers_do_not_meet(fixture: &Fixture) {
    troubled(fixture, "slack", "x", disable()).await;
    fixture.sent("email", "x").await;
    let claimed = fixture.claimed_one(claim("email").at(at(2))).await;
    fixture.settled(done(&claimed, at(3))).await;
    assert_eq!(names(fixture, 3).await, ["slack x"]);
}

/// "Has a target rest because somebody wants it to": also one that nothing is known about. What waits is kept.
pub async fn somebody_can_have_a_target_rest(fixture: &Fixture) {
    fixture.sent("slack", "#a").await;
    let rest = async |target: &str, effect, seconds| {
        works(fixture.targets.rest(&"slack".into(), &target.into(), effect, at(seconds)).await);
    };
    rest("#a", disable(), 3).await;
    rest("#new", pause(60), 3).await;
    assert_eq!(fixture.claimed(claim("slack").at(at(4))).await, []);
    assert_eq!(works(fixture.store.next_due(&"slack".into()).await), None);
    fixture.sent("slack", "#a").await;
    fixture.sent("slack", "#new").await;
    assert_eq!(fixture.claimed(claim("slack").at(at(4))).await, []);
    let states = works(fixture.targets.troubled(at(4)).await);
    let told: Vec<_> =
        states.iter().map(|it| (it.target.as_str(), it.disabled_at, it.paused_until, it.waiting)).collect();
    assert_eq!(told, [("#a", Some(at(3)), None, 2), ("#new", None, Some(at(60)), 1)]);
    assert_eq!(states[0].reason.as_deref(), Some("410 gone"));
    assert_eq!(works(fixture.targets.resume(&"slack".into(), None, at(4)).await), 2);
    assert_eq!(fixture.claimed(claim("slack").at(at(4))).await.len(), 3);
}

/// "Of two pauses the longer one stays, and the last to disable it says why", whoever had it rest.
pub async fn rests_that_somebody_wants_add_to_those_that_are_there(fixture: &Fixture) {
    troubled(fixture, "slack", "#a", pause(60)).await;
    let rest = async |effect, seconds| {
        works(fixture.targets.rest(&"slack".into(), &"#a".into(), effect, at(seconds)).await);
    };
    rest(pause(30), 2).await;
    assert_eq!(works(fixture.store.next_due(&"slack".into()).await), Some(at(60)));
    rest(TargetEffect::Disable("paused by its owner".to_owned()), 3).await;
    let [state] = &works(fixture.targets.troubled(at(4)).await)[..] else { panic!("one target rests") };
    assert_eq!((state.paused_until, state.disabled_at), (Some(at(60)), Some(at(3))));
    assert_eq!(state.reason.as_deref(), Some("paused by its owner"));
}
