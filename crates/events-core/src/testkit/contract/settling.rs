//! Settling: each verdict, its attempt record and its effect on the target.

use std::{sync::Arc, time::Duration};

use super::steps::works;
use crate::{
    Payload,
    delivery::{AttemptOutcome, AttemptReport, DeliveryState, ErrorClass, Settlement, TargetEffect},
    ports::AttemptRecord,
    testkit::{Fixture, affecting, at, claim, dead, done, dropped, handed_back, retry},
};

/// `Done`: "handled; it ends", with one attempt record.
pub async fn what_is_done_ends_and_is_recorded(fixture: &Fixture) {
    let stored = fixture.sent("slack", "#general").await;
    let claimed = fixture.claimed_one(claim("slack")).await;
    fixture.settled(done(&claimed, at(2))).await;
    let record = fixture.delivery_of(&stored).await;
    assert_eq!((record.state, record.attempts, record.due_at), (DeliveryState::Succeeded, 1, None));
    assert_eq!((record.ended_at, record.last_error), (Some(at(2)), None));
    let attempts = fixture.attempts(claimed.delivery_id).await;
    assert_eq!(attempts.iter().map(|it| (it.outcome, it.is_final)).collect::<Vec<_>>(), [(AttemptOutcome::Done, true)]);
    assert_eq!(fixture.claimed(claim("slack").at(at(1_000))).await, []);
}

/// What the attempt looked like is kept with its record, field by field.
pub async fn an_attempt_record_keeps_the_whole_report(fixture: &Fixture) {
    fixture.sent("slack", "#general").await;
    let claimed = fixture.claimed_one(claim("slack")).await;
    let detail = Payload::from_json(r#"{"b": "ü", "a": [1, 2.50]}"#).expect("a JSON object");
    let report = AttemptReport {
        status: Some(503),
        duration: Duration::from_millis(1_234),
        error_class: Some(ErrorClass::new("http_5xx")),
        error: Some("503 from the target".to_owned()),
        response: Some("come back later, ü".to_owned()),
        detail: Some(Arc::new(detail.clone())),
    };
    fixture.settled(Settlement { report, ..retry(&claimed, at(60), at(2)) }).await;
    let expected = AttemptRecord {
        delivery_id: claimed.delivery_id,
        handler: "slack".into(),
        target: "#general".into(),
        number: 1,
        outcome: AttemptOutcome::Retry,
        is_final: false,
        status: Some(503),
        duration_ms: 1_234,
        error_class: Some(ErrorClass::new("http_5xx")),
        error: Some("503 from the target".to_owned()),
        response: Some("come back later, ü".to_owned()),
        detail: Some(detail),
        created_at: at(2),
    };
    assert_eq!(fixture.attempts(claimed.delivery_id).await, [expected]);
}

/// `RetryAt`: "tried again at this time", not before, with every failure on record.
pub async fn a_retry_waits_until_its_time(fixture: &Fixture) {
    let stored = fixture.sent("slack", "#general").await;
    let first = fixture.claimed_one(claim("slack")).await;
    fixture.settled(retry(&first, at(60), at(2))).await;
    let record = fixture.delivery_of(&stored).await;
    assert_eq!((record.state, record.attempts, record.due_at), (DeliveryState::Pending, 1, Some(at(60))));
    assert_eq!(record.last_error.as_deref(), Some("no answer"));
    assert_eq!(fixture.claimed(claim("slack").at(at(59))).await, []);
    let second = fixture.claimed_one(claim("slack").at(at(60))).await;
    fixture.settled(done(&second, at(61))).await;
    let attempts = fixture.attempts(first.delivery_id).await;
    let seen: Vec<_> = attempts.iter().map(|it| (it.number, it.outcome, it.is_final)).collect();
    assert_eq!(seen, [(1, AttemptOutcome::Retry, false), (2, AttemptOutcome::Done, true)]);
}

/// `Dropped`: "not sent, and rightly so; it ends", with the reason on record; no failure.
pub async fn what_is_dropped_ends_with_its_reason(fixture: &Fixture) {
    let stored = fixture.sent("slack", "#general").await;
    let claimed = fixture.claimed_one(claim("slack")).await;
    fixture.settled(dropped(&claimed, "nobody listens", at(2))).await;
    let record = fixture.delivery_of(&stored).await;
    assert_eq!((record.state, record.last_error), (DeliveryState::Dropped, None));
    let attempts = fixture.attempts(claimed.delivery_id).await;
    assert_eq!(attempts[0].error.as_deref(), Some("nobody listens"));
    assert!(attempts[0].is_final && attempts[0].outcome == AttemptOutcome::Dropped);
}

/// `Dead`: "failed for good; it ends as a dead letter", which says why.
pub async fn what_is_dead_becomes_a_dead_letter(fixture: &Fixture) {
    let stored = fixture.sent("slack", "#general").await;
    let first = fixture.claimed_one(claim("slack")).await;
    fixture.settled(retry(&first, at(5), at(2))).await;
    let second = fixture.claimed_one(claim("slack").at(at(5))).await;
    fixture.settled(dead(&second, "no such channel", at(6))).await;
    let record = fixture.delivery_of(&stored).await;
    assert_eq!((record.state, record.attempts, record.ended_at), (DeliveryState::Dead, 2, Some(at(6))));
    assert_eq!(record.last_error.as_deref(), Some("no such channel"));
    let [letter] = &fixture.dead_letters().await[..] else { panic!("one dead letter") };
    assert_eq!((letter.delivery_id, &letter.event), (second.delivery_id, &*stored.event));
    assert_eq!((letter.handler.as_str(), letter.target.as_str(), letter.attempts), ("slack", "#general", 2));
    assert_eq!((letter.reason_class.as_str(), letter.reason.as_str()), ("http_4xx", "no such channel"));
    assert_eq!(letter.created_at, at(6));
    assert_eq!(fixture.claimed(claim("slack").at(at(1_000))).await, []);
}

/// `HandedBack`: "due again at the time of settling, and its attempt does not count", without a record.
pub async fn what_is_handed_back_is_due_at_once_and_leaves_no_record(fixture: &Fixture) {
    let stored = fixture.sent("slack", "#general").await;
    let claimed = fixture.claimed_one(claim("slack")).await;
    fixture.settled(handed_back(&claimed, at(2))).await;
    let record = fixture.delivery_of(&stored).await;
    assert_eq!((record.state, record.attempts, record.due_at), (DeliveryState::Pending, 0, Some(at(2))));
    assert_eq!(fixture.attempts(claimed.delivery_id).await, []);
    assert_eq!(fixture.claimed_one(claim("slack").at(at(2))).await.attempt, 1);
}

/// "Ends claims … in one commit": a batch mixes verdicts, and each takes effect.
pub async fn a_batch_mixes_verdicts(fixture: &Fixture) {
    for _ in 0..5 {
        fixture.sent("slack", "#general").await;
    }
    let claimed = fixture.claimed(claim("slack")).await;
    let settlements = vec![
        done(&claimed[0], at(1)),
        retry(&claimed[1], at(9), at(1)),
        dead(&claimed[2], "gone", at(1)),
        dropped(&claimed[3], "quiet hours", at(1)),
        handed_back(&claimed[4], at(1)),
    ];
    assert_eq!(works(fixture.store.settle(settlements).await).settled, 5);
    let states: Vec<_> = fixture.listed(Default::default()).await.into_iter().rev().map(|it| it.state).collect();
    let (pending, dead) = (DeliveryState::Pending, DeliveryState::Dead);
    assert_eq!(states, [DeliveryState::Succeeded, pending, dead, DeliveryState::Dropped, pending]);
}

/// `PauseUntil`: "nothing is claimed for it until then", and for the other targets it is.
pub async fn a_pause_holds_the_whole_target_back(fixture: &Fixture) {
    for target in ["#a", "#a", "#b"] {
        fixture.sent("slack", target).await;
    }
    let claimed = fixture.claimed_one(claim("slack").limit(1)).await;
    fixture.settled(affecting(retry(&claimed, at(5), at(1)), TargetEffect::PauseUntil(at(60)))).await;
    let others = fixture.claimed(claim("slack").at(at(59))).await;
    assert_eq!(others.iter().map(|it| it.target.as_str()).collect::<Vec<_>>(), ["#b"]);
    assert_eq!(fixture.claimed(claim("slack").at(at(60))).await.len(), 2);
}

/// The longest pause that a target asked for wins.
pub async fn a_shorter_pause_does_not_end_a_longer_one(fixture: &Fixture) {
    for _ in 0..3 {
        fixture.sent("slack", "#general").await;
    }
    let claimed = fixture.claimed(claim("slack").limit(2)).await;
    let pausing = |at_claim: usize, seconds| {
        affecting(retry(&claimed[at_claim], at(1), at(1)), TargetEffect::PauseUntil(at(seconds)))
    };
    works(fixture.store.settle(vec![pausing(0, 60), pausing(1, 30)]).await);
    assert_eq!(fixture.claimed(claim("slack").at(at(59))).await, []);
    assert_eq!(fixture.claimed(claim("slack").at(at(60))).await.len(), 3);
}

/// `Disable`: "nothing is claimed for it until somebody resumes it".
pub async fn a_disabled_target_gets_nothing(fixture: &Fixture) {
    for target in ["#a", "#a", "#b"] {
        fixture.sent("slack", target).await;
    }
    let claimed = fixture.claimed_one(claim("slack").limit(1)).await;
    let disable = TargetEffect::Disable("410 gone".to_owned());
    fixture.settled(affecting(dead(&claimed, "410 gone", at(1)), disable)).await;
    let others = fixture.claimed(claim("slack").at(at(100_000))).await;
    assert_eq!(others.iter().map(|it| it.target.as_str()).collect::<Vec<_>>(), ["#b"]);
}
