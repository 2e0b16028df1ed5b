//! Statistics: everything is counted once, and a reader sees it from the start.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::steps::works;
use crate::{
    delivery::{AttemptReport, Settlement},
    ports::{CountingStep, Position, PruneRequest, StatisticsOf, StatisticsQuery, SubscriptionCounts},
    statistics::{Day, Report, Tally, read},
    testkit::{
        Fixture, SubscriptionBuilder, at, claim, dead, delivery, done, dropped, event, retry, secret, subscription,
    },
    webhooks::Status,
};

const HANDLER: &str = "webhooks";
const DAY: SignedDuration = SignedDuration::from_hours(24);

pub(super) fn asks(of: StatisticsOf) -> StatisticsQuery {
    StatisticsQuery { handler: HANDLER.into(), of, since: Day::of(at(0)).minus(10) }
}

fn organization(organization_id: &str) -> StatisticsQuery {
    asks(StatisticsOf::Organization(organization_id.to_owned()))
}

impl Fixture {
    pub(super) async fn report(&self, query: &StatisticsQuery) -> Report {
        works(read(&*self.statistics, query).await)
    }

    /// Counts what there is, this much in a step. Answers how many steps that took.
    pub(super) async fn count_all(&self, limit: usize) -> usize {
        let mut steps = 0;
        while let Some(step) = works(self.statistics.uncounted(&[HANDLER.into()], limit).await).step() {
            assert!(works(self.statistics.count(step).await), "nobody else counts");
            steps += 1;
        }
        steps
    }

    /// What has been counted, without what was not.
    async fn counted(&self) -> Tally {
        let mut sum = Tally::default();
        let counted = works(self.statistics.counted(&asks(StatisticsOf::All)).await);
        counted.attempts.iter().for_each(|(_, _, tally)| sum.merge(tally));
        sum
    }

    /// An event of this organization with a delivery to `target`, which takes this long and comes out as `verdict` says.
    async fn tried(&self, organization_id: &str, target: &str, verdict: impl Fn(&crate::Delivery) -> Settlement) {
        let new = event("invoice.created").organization(organization_id);
        self.routed(new, vec![delivery(HANDLER, target)]).await;
        let claimed = self.claimed_one(claim(HANDLER)).await;
        self.settled(verdict(&claimed)).await;
    }
}

fn done_in(milliseconds: u64, now: Timestamp) -> impl Fn(&crate::Delivery) -> Settlement {
    move |delivery| {
        let report = AttemptReport { duration: Duration::from_millis(milliseconds), ..AttemptReport::default() };
        Settlement { report, ..done(delivery, now) }
    }
}

/// Attempts and events are counted on the day on which they were recorded, with all that rates are made of.
pub async fn attempts_and_events_are_counted_by_day(fixture: &Fixture) {
    let next_day = at(0) + DAY;
    fixture.routed(event("user.signup"), vec![delivery(HANDLER, "a")]).await;
    let first = fixture.claimed_one(claim(HANDLER)).await;
    fixture.settled(retry(&first, at(5), at(1))).await;
    let second = fixture.claimed_one(claim(HANDLER).at(at(5))).await;
    fixture.settled(done_in(700, next_day)(&second)).await;
    fixture.routed(event("user.signup").created_at(next_day), vec![delivery(HANDLER, "b"); 2]).await;
    let both = fixture.claimed(claim(HANDLER)).await;
    fixture.settled(dead(&both[0], "gone", next_day)).await;
    fixture.settled(dropped(&both[1], "nobody listens", next_day)).await;
    fixture.count_all(100).await;

    let report = fixture.report(&asks(StatisticsOf::All)).await;
    let (today, tomorrow) = (Day::of(at(0)), Day::of(next_day));
    assert!(report.is_complete);
    assert_eq!(report.events, [(today, 1), (tomorrow, 1)].into());
    let days = &report.attempts[&None];
    let told = |tally: &Tally| (tally.succeeded, tally.failed, tally.dead, tally.dropped, tally.retries);
    assert_eq!((told(&days[&today]), days[&today].duration_ms), ((0, 1, 0, 0, 0), 12));
    assert_eq!((told(&days[&tomorrow]), days[&tomorrow].duration_ms), ((1, 0, 1, 1, 1), 712));
    let longest = days[&tomorrow].latencies.percentile(1.0).expect("there were calls");
    assert!((630.0..=770.0).contains(&longest), "700 ms, to 10 %: {longest}");
    assert_eq!(report.total(None), { fixture.counted().await }, "all of it was counted");
    let later = StatisticsQuery { since: tomorrow, ..asks(StatisticsOf::All) };
    let later = fixture.report(&later).await;
    assert_eq!((later.attempts[&None].len(), later.events.len()), (1, 1), "from a day on");
}

/// "An attempt or event whose call has returned is in it once", whether it was counted or not.
pub async fn a_reader_sees_what_was_not_counted_yet(fixture: &Fixture) {
    for counts in [false, true, false] {
        fixture.tried("org_1", "a", |it| done(it, at(1))).await;
        if counts {
            fixture.count_all(100).await;
        }
    }
    let report = fixture.report(&asks(StatisticsOf::All)).await;
    assert_eq!(report.total(None).succeeded, 3);
    assert_eq!(fixture.counted().await.succeeded, 2, "the last one is not counted yet");
    assert_eq!(report.events, [(Day::of(at(0)), 3)].into());
    let later = StatisticsQuery { since: Day::of(at(0) + DAY), ..asks(StatisticsOf::All) };
    let later = fixture.report(&later).await;
    assert_eq!((later.total(None), later.events.len()), (Tally::default(), 0), "what is too old is left out");
}

/// "Where an organization is named, nothing of another organization is in the answer", counted or not.
pub async fn an_organization_has_its_own_counts(fixture: &Fixture) {
    fixture.stored(event("user.signup")).await;
    for round in 1..=2 {
        fixture.tried("org_1", "a", |it| done(it, at(1))).await;
        for _ in 0..2 {
            fixture.tried("org_2", "a", |it| dead(it, "gone", at(1))).await;
        }
        for (query, succeeded, died, events) in [
            (organization("org_1"), round, 0, round),
            (organization("org_2"), 0, 2 * round, 2 * round),
            (organization("org_3"), 0, 0, 0),
            (asks(StatisticsOf::All), round, 2 * round, 3 * round + 1),
        ] {
            let report = fixture.report(&query).await;
            let total = report.total(None);
            assert_eq!((total.succeeded, total.dead), (succeeded, died), "{query:?}");
            assert_eq!(report.events.values().sum::<u64>(), events, "{query:?}");
        }
        fixture.count_all(100).await;
    }
}

/// Targets are answered each for itself, counted or not; those without attempts are left out.
pub async fn counts_of_targets_are_apart(fixture: &Fixture) {
    for counted in 0..2 {
        fixture.tried("org_1", "a", |it| done(it, at(1))).await;
        fixture.tried("org_2", "a", |it| done(it, at(1))).await;
        fixture.tried("org_1", "b", |it| dead(it, "gone", at(1))).await;
        fixture.tried("org_1", "c", |it| done(it, at(1))).await;
        let query = asks(StatisticsOf::Targets(vec!["a".into(), "b".into(), "d".into()]));
        let report = fixture.report(&query).await;
        let told = |target: &str| report.total(Some(&target.into()));
        assert_eq!(report.attempts.keys().flatten().map(|it| it.as_str()).collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!((told("a").succeeded, told("b").dead), (2 * (counted + 1), counted + 1));
        assert!(report.events.is_empty());
        fixture.count_all(100).await;
    }
}

/// "No step counts twice, whoever makes it and however often."
pub async fn a_step_counts_once(fixture: &Fixture) {
    fixture.tried("org_1", "a", |it| done(it, at(1))).await;
    let step = works(fixture.statistics.uncounted(&[HANDLER.into()], 100).await).step().expect("there is something");
    assert!(works(fixture.statistics.count(step.clone()).await));
    assert!(!works(fixture.statistics.count(step.clone()).await), "the position has moved");
    assert_eq!(fixture.counted().await.succeeded, 1);
    let elsewhere = Position { attempts: step.to.attempts, events: step.from.events };
    let strange = CountingStep { from: elsewhere, ..step };
    assert!(!works(fixture.statistics.count(strange).await), "both places have to be right");
    assert_eq!(works(fixture.statistics.uncounted(&[HANDLER.into()], 100).await).step(), None);
}

/// A step has about as much as was asked for, and the next one begins where it ended.
pub async fn steps_are_bounded_and_follow_each_other(fixture: &Fixture) {
    for number in 0..5 {
        fixture.tried("org_1", "a", |it| done(it, at(number))).await;
    }
    let first = works(fixture.statistics.uncounted(&[HANDLER.into()], 2).await);
    assert!(first.more && first.attempts.iter().map(|group| group.count).sum::<u64>() <= 2, "{first:?}");
    let rest = works(fixture.statistics.rest(&asks(StatisticsOf::All), first.from, 2).await);
    assert!(rest.more && rest.events.iter().map(|group| group.count).sum::<u64>() <= 2, "{rest:?}");
    assert!(fixture.count_all(2).await >= 3);
    assert_eq!(fixture.counted().await.succeeded, 5);
    let nothing = works(fixture.statistics.uncounted(&[HANDLER.into()], 2).await);
    assert_eq!((nothing.from, nothing.more), (nothing.to, false));
}

/// "Only attempts of `handlers` are in it, and the others are passed over."
pub async fn attempts_of_other_handlers_are_passed_over(fixture: &Fixture) {
    fixture.sent("slack", "#general").await;
    let claimed = fixture.claimed_one(claim("slack")).await;
    fixture.settled(done(&claimed, at(1))).await;
    let slack = StatisticsQuery { handler: "slack".into(), ..asks(StatisticsOf::All) };
    assert_eq!(fixture.report(&slack).await.total(None).succeeded, 1, "as long as nobody has counted");
    fixture.count_all(100).await;
    assert_eq!(fixture.report(&slack).await.total(None), Tally::default());
    assert_eq!(fixture.report(&asks(StatisticsOf::All)).await.total(None), Tally::default());
    fixture.tried("org_1", "a", |it| done(it, at(1))).await;
    assert_eq!(fixture.report(&asks(StatisticsOf::All)).await.total(None).succeeded, 1);
}

fn all_attempts() -> PruneRequest {
    let nothing = Timestamp::MIN;
    PruneRequest { attempts_before: at(1_000), dead_letters_before: nothing, keys_before: nothing, limit: 100 }
}

/// Counts outlive the attempts that they are of.
pub async fn what_is_pruned_stays_counted(fixture: &Fixture) {
    fixture.tried("org_1", "a", |it| done(it, at(1))).await;
    fixture.count_all(100).await;
    works(fixture.store.prune(all_attempts()).await);
    assert_eq!(fixture.report(&asks(StatisticsOf::All)).await.total(None).succeeded, 1);
}

/// A store that was emptied of attempts goes on counting, whatever it calls the next ones.
pub async fn what_comes_after_everything_was_pruned_is_counted(fixture: &Fixture) {
    for _ in 0..3 {
        fixture.tried("org_1", "a", |it| done(it, at(1))).await;
    }
    fixture.count_all(100).await;
    assert_eq!(works(fixture.store.prune(all_attempts()).await).attempts, 3);
    fixture.tried("org_1", "a", |it| done(it, at(2))).await;
    assert_eq!(fixture.report(&asks(StatisticsOf::All)).await.total(None).succeeded, 4);
    fixture.count_all(100).await;
    assert_eq!(fixture.counted().await.succeeded, 4);
}

/// "Removes counts of days before `before`, at most `limit` of each kind."
pub async fn old_counts_are_forgotten(fixture: &Fixture) {
    fixture.tried("org_1", "a", |it| done(it, at(1))).await;
    fixture.routed(event("user.signup").created_at(at(0) + DAY), vec![delivery(HANDLER, "a")]).await;
    let claimed = fixture.claimed_one(claim(HANDLER)).await;
    fixture.settled(done(&claimed, at(0) + DAY)).await;
    fixture.count_all(100).await;
    let today = Day::of(at(0));
    assert_eq!(works(fixture.statistics.forget(today, 100).await), 0, "what is of that day stays");
    let tomorrow = Day::of(at(0) + DAY);
    assert_eq!(works(fixture.statistics.forget(tomorrow, 1).await), 2, "one of each kind");
    while works(fixture.statistics.forget(tomorrow, 1).await) > 0 {}
    let report = fixture.report(&asks(StatisticsOf::All)).await;
    assert_eq!((report.total(None).succeeded, report.events), (1, [(tomorrow, 1)].into()));
    let of_target = fixture.report(&asks(StatisticsOf::Targets(vec!["a".into()]))).await;
    assert_eq!(of_target.total(Some(&"a".into())).succeeded, 1);
}

/// Subscriptions are counted by how they do, of one organization or of all.
pub async fn subscriptions_are_counted_by_how_they_do(fixture: &Fixture) {
    let disabled = || Status::Disabled { reason: "410".to_owned(), at: at(1) };
    let make = async |new: SubscriptionBuilder, fails: bool| {
        let made = new.build();
        let subscription_id = made.subscription_id;
        works(fixture.subscriptions.create(made, secret(subscription_id)).await);
        if fails {
            works(fixture.subscriptions.note_health(subscription_id, Some(at(1)), 0).await);
        }
    };
    make(subscription("org_1"), false).await;
    make(subscription("org_1"), true).await;
    make(subscription("org_1").status(Status::Paused), true).await;
    make(subscription("org_1").status(disabled()), true).await;
    make(subscription("org_1").unverified(), false).await;
    make(subscription("org_2").status(disabled()), false).await;
    make(subscription("org_2").of_everybody(), true).await;
    let counts = async |organization| works(fixture.statistics.subscription_counts(organization).await);
    let expected = SubscriptionCounts { total: 5, failing: 1, paused: 1, disabled: 1, unverified: 1 };
    assert_eq!(counts(Some("org_1")).await, expected);
    let expected = SubscriptionCounts { total: 7, failing: 2, paused: 1, disabled: 2, unverified: 1 };
    assert_eq!(counts(None).await, expected);
    assert_eq!(counts(Some("org_3")).await, SubscriptionCounts::default());
}
