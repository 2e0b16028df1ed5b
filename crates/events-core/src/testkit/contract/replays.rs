//! Deliveries that are made again: one that somebody wants, and the steps of a job.

use super::steps::works;
use crate::{
    delivery::{Delivery, DeliveryId, DeliveryState, TargetEffect},
    event::{Pattern, StoredEvent},
    ports::{DeliveryQuery, Page, PageRequest, ReplayEnd, ReplayQuery, ReplayStep, Resend, ResendOutcome, Resent},
    testkit::{Fixture, affecting, at, claim, dead, delivery, done, event, retry},
    webhooks::{Replay, ReplayId, ReplayKind, ReplayState, SubscriptionId},
};

/// A job of this organization that has just begun.
fn job(organization_id: Option<&str>) -> Replay {
    Replay {
        replay_id: ReplayId::random(),
        kind: ReplayKind::Replay,
        organization_id: organization_id.map(str::to_owned),
        subscription_id: SubscriptionId::random(),
        event_types: vec![Pattern::All, "user.*".parse().expect("this is a pattern")],
        since: at(1),
        until: at(2),
        rate: 100,
        state: ReplayState::Running,
        reason: None,
        first: 3,
        position: 4,
        last: i64::MAX,
        total: Some(1_500),
        made: 0,
        created_by: "für alle".to_owned(),
        created_at: at(3),
        updated_at: at(4),
        ended_at: None,
    }
}

async fn started(fixture: &Fixture, organization_id: Option<&str>) -> Replay {
    let job = job(organization_id);
    assert!(works(fixture.replays.start(job.clone()).await), "there is none with this id");
    job
}

/// A step of `replay` for the handler `webhooks` and the target `a`, from where it is to 10.
fn step(replay: &Replay) -> ReplayStep {
    ReplayStep {
        replay_id: replay.replay_id,
        from: replay.position,
        to: 10,
        is_last: false,
        handler: "webhooks".into(),
        target: "a".into(),
        events: vec![],
        dead_letters: vec![],
        now: at(100),
    }
}

async fn resent(fixture: &Fixture, delivery_id: DeliveryId, seconds: i64) -> Option<Resent> {
    let wanted = Resend { delivery_id, handler: None, organization_id: None };
    works(fixture.replays.resend(wanted, at(seconds)).await)
}

/// A delivery of the handler `webhooks` to this target that is held.
async fn held(fixture: &Fixture, target: &str) -> (StoredEvent, Delivery) {
    let stored = fixture.routed(event("user.signup").organization("org_1"), vec![delivery("webhooks", target)]).await;
    let claimed = fixture.claimed_one(claim("webhooks").limit(1)).await;
    (stored, claimed)
}

/// "A dead letter comes back as with redrive": under its id, due now, its attempts at zero.
pub async fn a_dead_letter_is_resent_under_its_id(fixture: &Fixture) {
    let (_, first) = held(fixture, "a").await;
    fixture.settled(dead(&first, "gone", at(1))).await;
    let expected = Resent { outcome: ResendOutcome::Redriven, delivery_id: first.delivery_id };
    assert_eq!(resent(fixture, first.delivery_id, 5).await, Some(expected));
    assert_eq!(fixture.dead_letters().await, []);
    assert_eq!(fixture.claimed(claim("webhooks").at(at(4))).await, []);
    let again = fixture.claimed_one(claim("webhooks").at(at(5))).await;
    assert_eq!((again.delivery_id, again.attempt), (first.delivery_id, 1));
    assert!(again.lease > first.lease, "whoever held it before stays fenced out");
}

/// "One that ended otherwise gets a new delivery of the same event to the same target."
pub async fn an_ended_delivery_is_resent_as_a_new_one(fixture: &Fixture) {
    let (stored, first) = held(fixture, "a").await;
    fixture.settled(done(&first, at(1))).await;
    let Some(anew) = resent(fixture, first.delivery_id, 5).await else { panic!("its attempt is kept") };
    assert_eq!(anew.outcome, ResendOutcome::MadeAnew);
    assert!(anew.delivery_id > first.delivery_id);
    let again = fixture.claimed_one(claim("webhooks").at(at(5))).await;
    assert_eq!((again.delivery_id, again.attempt, &again.event), (anew.delivery_id, 1, &stored.event));
    assert_eq!((again.target.as_str(), again.idempotency_key()), ("a", first.idempotency_key()));
    let listed = fixture.listed(DeliveryQuery::default()).await;
    let states: Vec<DeliveryState> = listed.into_iter().map(|it| it.state).collect();
    assert_eq!(states, [DeliveryState::Leased, DeliveryState::Succeeded]);
}

/// "One that waits is due now", and never later than it was; "one that a worker has is left alone".
pub async fn a_waiting_delivery_is_made_due(fixture: &Fixture) {
    let (stored, first) = held(fixture, "a").await;
    let under_way = Resent { outcome: ResendOutcome::UnderWay, delivery_id: first.delivery_id };
    assert_eq!(resent(fixture, first.delivery_id, 1).await, Some(under_way));
    fixture.settled(retry(&first, at(1_000), at(2))).await;
    let made_due = Resent { outcome: ResendOutcome::MadeDue, delivery_id: first.delivery_id };
    assert_eq!(resent(fixture, first.delivery_id, 5).await, Some(made_due));
    assert_eq!(resent(fixture, first.delivery_id, 900).await, Some(made_due));
    assert_eq!(fixture.delivery_of(&stored).await.due_at, Some(at(5)));
    let next = works(fixture.store.next_due(&"webhooks".into()).await);
    assert_eq!(next, Some(at(5)));
    assert_eq!(fixture.claimed_one(claim("webhooks").at(at(5))).await.attempt, 2);
}

/// "What belongs to another one, or to none, is as if it were not there": in any state, and for another handler.
pub async fn another_organizations_delivery_is_not_resent(fixture: &Fixture) {
    let (_, ended) = held(fixture, "a").await;
    fixture.settled(done(&ended, at(1))).await;
    let (_, died) = held(fixture, "a").await;
    fixture.settled(dead(&died, "gone", at(1))).await;
    let (_, waits) = held(fixture, "a").await;
    fixture.settled(retry(&waits, at(1_000), at(1))).await;
    let before = fixture.listed(DeliveryQuery::default()).await;
    for delivery_id in [ended.delivery_id, died.delivery_id, waits.delivery_id, DeliveryId(77)] {
        for (handler, organization_id) in [(None, Some("org_2")), (Some("slack"), Some("org_1"))] {
            let organization_id = organization_id.map(str::to_owned);
            let wanted = Resend { delivery_id, handler: handler.map(Into::into), organization_id };
            assert_eq!(works(fixture.replays.resend(wanted, at(5)).await), None, "{delivery_id}");
        }
    }
    assert_eq!(fixture.listed(DeliveryQuery::default()).await, before);
    let handler = Some("webhooks".into());
    let own = Resend { delivery_id: died.delivery_id, handler, organization_id: Some("org_1".to_owned()) };
    assert!(works(fixture.replays.resend(own, at(5)).await).is_some());
}

/// "No rest of a target is ended."
pub async fn what_is_made_again_waits_for_a_target_that_rests(fixture: &Fixture) {
    let (_, first) = held(fixture, "a").await;
    let gone = affecting(dead(&first, "gone", at(1)), TargetEffect::Disable("gone".to_owned()));
    fixture.settled(gone).await;
    assert!(resent(fixture, first.delivery_id, 5).await.is_some());
    let job = started(fixture, None).await;
    let more = ReplayStep { events: vec![first.seq], ..step(&job) };
    assert!(works(fixture.replays.step(more).await).is_some());
    assert_eq!(fixture.claimed(claim("webhooks").at(at(200))).await, []);
    let resumed = fixture.targets.resume(&"webhooks".into(), None, at(200)).await;
    assert_eq!(works(resumed), 1);
    assert_eq!(fixture.claimed(claim("webhooks").at(at(200))).await.len(), 2);
}

/// "Stores a job", whole; "`false`, and nothing is changed, when there is one with this id".
pub async fn a_job_comes_back_as_it_was_started(fixture: &Fixture) {
    let first = started(fixture, Some("org_1")).await;
    let peculiar = Replay {
        kind: ReplayKind::Recover,
        event_types: vec![],
        state: ReplayState::Failed,
        reason: Some("gone".to_owned()),
        total: None,
        made: 7,
        position: i64::MAX,
        ended_at: Some(at(9)),
        ..job(None)
    };
    assert!(works(fixture.replays.start(peculiar.clone()).await));
    assert!(!works(fixture.replays.start(Replay { rate: 1, ..first.clone() }).await));
    for stored in [&first, &peculiar] {
        assert_eq!(works(fixture.replays.replay(stored.replay_id, None).await).as_ref(), Some(stored));
    }
    assert_eq!(works(fixture.replays.replay(ReplayId::random(), None).await), None);
}

/// "Jobs newest first", in pages, by what is asked; those of another organization are not there.
pub async fn jobs_are_listed_newest_first(fixture: &Fixture) {
    let mut mine = Vec::new();
    for _ in 0..3 {
        mine.insert(0, started(fixture, Some("org_1")).await);
        started(fixture, Some("org_2")).await;
        started(fixture, None).await;
    }
    let of_mine = ReplayQuery { organization_id: Some("org_1".to_owned()), ..ReplayQuery::default() };
    let list = async |query: ReplayQuery| works(fixture.replays.replays(query).await);
    assert_eq!(list(of_mine.clone()).await, Page { items: mine.clone(), next: None });
    let page = PageRequest { limit: 2, ..PageRequest::default() };
    let begun = list(ReplayQuery { page: page.clone(), ..of_mine.clone() }).await;
    assert_eq!(begun.items, mine[..2]);
    let rest = ReplayQuery { page: PageRequest { cursor: begun.next, ..page }, ..of_mine.clone() };
    assert_eq!(list(rest).await, Page { items: mine[2..].to_vec(), next: None });
    let of_one = ReplayQuery { subscription_id: Some(mine[1].subscription_id), ..ReplayQuery::default() };
    assert_eq!(list(of_one).await.items, mine[1..2]);
    let end = ReplayEnd { state: ReplayState::Cancelled, reason: None, at: at(9) };
    assert!(works(fixture.replays.end(mine[0].replay_id, None, end).await).is_some());
    let running = ReplayQuery { state: Some(ReplayState::Running), ..of_mine };
    assert_eq!(list(running).await.items, mine[1..]);
    for theirs in [Some("org_2"), Some("org_3")] {
        assert_eq!(works(fixture.replays.replay(mine[0].replay_id, theirs).await), None);
    }
}

/// "Makes the deliveries of one step and moves the job's position."
pub async fn a_step_makes_deliveries_and_moves_the_job(fixture: &Fixture) {
    let (stored, died) = held(fixture, "a").await;
    fixture.settled(dead(&died, "gone", at(1))).await;
    let (_, elsewhere) = held(fixture, "b").await;
    fixture.settled(dead(&elsewhere, "gone", at(1))).await;
    let job = started(fixture, None).await;
    let dead_letters = vec![died.delivery_id, elsewhere.delivery_id, DeliveryId(77)];
    let made = ReplayStep { events: vec![stored.seq, elsewhere.seq], dead_letters, ..step(&job) };
    let moved = Replay { position: 10, made: 3, updated_at: at(100), ..job.clone() };
    assert_eq!(works(fixture.replays.step(made).await).as_ref(), Some(&moved));
    assert_eq!(works(fixture.replays.replay(job.replay_id, None).await), Some(moved.clone()));
    let claimed = fixture.claimed(claim("webhooks").at(at(100))).await;
    let events: Vec<_> = claimed.iter().map(|it| (it.seq, it.target.as_str(), it.attempt)).collect();
    assert_eq!(events, [(stored.seq, "a", 1), (stored.seq, "a", 1), (elsewhere.seq, "a", 1)]);
    assert_eq!(claimed[0].delivery_id, died.delivery_id);
    assert_eq!(fixture.dead_letters().await.len(), 1, "what goes elsewhere stays where it is");
    let last = ReplayStep { to: 11, is_last: true, now: at(101), ..step(&moved) };
    let ended = works(fixture.replays.step(last).await);
    let state = ReplayState::Done;
    assert_eq!(ended, Some(Replay { position: 11, state, updated_at: at(101), ended_at: Some(at(101)), ..moved }));
}

/// "`None`, and nothing is changed, when it does not run or is at another position": no step is made twice.
pub async fn a_step_is_made_once(fixture: &Fixture) {
    let (stored, died) = held(fixture, "a").await;
    fixture.settled(dead(&died, "gone", at(1))).await;
    let job = started(fixture, None).await;
    let first = ReplayStep { events: vec![stored.seq], ..step(&job) };
    assert!(works(fixture.replays.step(first.clone()).await).is_some());
    let repeated = ReplayStep { dead_letters: vec![died.delivery_id], ..first };
    assert_eq!(works(fixture.replays.step(repeated.clone()).await), None);
    let end = ReplayEnd { state: ReplayState::Cancelled, reason: None, at: at(102) };
    let cancelled = works(fixture.replays.end(job.replay_id, None, end).await);
    assert_eq!(cancelled.map(|it| (it.state, it.made, it.ended_at)), Some((ReplayState::Cancelled, 1, Some(at(102)))));
    assert_eq!(works(fixture.replays.step(ReplayStep { from: 10, to: 11, ..repeated }).await), None);
    assert_eq!(fixture.claimed(claim("webhooks").at(at(200))).await.len(), 1);
    assert_eq!(fixture.dead_letters().await.len(), 1);
}

/// "Ends a job that runs; one that has ended stays as it is", and another organization's cannot be ended.
pub async fn a_job_ends_once(fixture: &Fixture) {
    let job = started(fixture, Some("org_1")).await;
    let cancel = ReplayEnd { state: ReplayState::Cancelled, reason: None, at: at(9) };
    assert_eq!(works(fixture.replays.end(job.replay_id, Some("org_2"), cancel.clone()).await), None);
    assert_eq!(works(fixture.replays.replay(job.replay_id, None).await).as_ref(), Some(&job));
    let fail = ReplayEnd { state: ReplayState::Failed, reason: Some("gone".to_owned()), at: at(8) };
    let failed = works(fixture.replays.end(job.replay_id, Some("org_1"), fail).await);
    let (state, reason) = (ReplayState::Failed, Some("gone".to_owned()));
    let expected = Replay { state, reason, updated_at: at(8), ended_at: Some(at(8)), ..job.clone() };
    assert_eq!(failed.as_ref(), Some(&expected));
    assert_eq!(works(fixture.replays.end(job.replay_id, None, cancel).await), Some(expected));
}
