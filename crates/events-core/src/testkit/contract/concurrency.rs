//! Concurrency: callers that race agree on one outcome. A barrier lets them all start at once.

use std::{collections::HashSet, sync::Arc};

use tokio::{sync::Barrier, task::JoinSet};

use super::{
    statistics::asks,
    steps::{all_dead, plan_for, works},
};
use crate::{
    delivery::Settlement,
    event::Seq,
    ports::{Appended, StatisticsOf, Updated},
    testkit::{Fixture, at, claim, dead, delivery, done, event, secret, subscription},
    webhooks::Subscription,
};

const CALLERS: usize = 4;

/// Runs `call` from several tasks that start together, and collects what each came to.
async fn race<P, T, F>(port: &Arc<P>, call: impl Fn(Arc<P>, usize) -> F) -> Vec<T>
where
    P: ?Sized,
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let barrier = Arc::new(Barrier::new(CALLERS));
    let mut tasks = JoinSet::new();
    for caller in 0..CALLERS {
        let (barrier, call) = (Arc::clone(&barrier), call(Arc::clone(port), caller));
        tasks.spawn(async move {
            barrier.wait().await;
            call.await
        });
    }
    tasks.join_all().await
}

/// A delivery is leased to one of the claimers, and none is left out.
pub async fn two_claimers_never_share_a_delivery(fixture: &Fixture) {
    for target in ["a", "b", "c", "d"] {
        fixture.routed(event("user.signup"), vec![delivery("webhooks", target); 25]).await;
    }
    let claimed = race(&fixture.store, |store, caller| async move {
        let mut mine = Vec::new();
        loop {
            let request = claim("webhooks").worker(&format!("worker-{caller}")).limit(7).build();
            let claimed = works(store.claim(request).await);
            if claimed.is_empty() {
                return mine;
            }
            mine.extend(claimed.into_iter().map(|it| it.delivery_id));
        }
    })
    .await
    .concat();
    assert_eq!(claimed.len(), 100);
    assert_eq!(claimed.into_iter().collect::<HashSet<_>>().len(), 100);
}

/// Publishing with the same key from several places stores one event, and all learn which.
pub async fn concurrent_appends_with_the_same_key_store_one_event(fixture: &Fixture) {
    let answers = race(&fixture.store, |store, _| async move {
        let event = event("user.signup").idempotency_key("k").build();
        let answer = works(store.append(vec![Arc::clone(&event)]).await).remove(0);
        match answer {
            Appended::Stored => (true, event.event_id),
            Appended::Existing(first) => (false, first.event_id),
            Appended::Conflict(_) => panic!("the content is the same"),
        }
    })
    .await;
    assert_eq!(answers.iter().filter(|(stored, _)| *stored).count(), 1);
    assert_eq!(answers.iter().map(|(_, first)| first).collect::<HashSet<_>>().len(), 1);
    assert_eq!(works(fixture.history.scan(Seq::START, 10).await).len(), 1);
}

/// Nothing that was appended at the same time is lost, and each event has its own place.
pub async fn concurrent_appends_are_all_stored(fixture: &Fixture) {
    race(&fixture.store, |store, _| async move {
        for _ in 0..10 {
            works(store.append(vec![event("user.signup").build(), event("user.login").build()]).await);
        }
    })
    .await;
    let log = works(fixture.history.scan(Seq::START, 1_000).await);
    assert_eq!(log.len(), CALLERS * 20);
    assert!(log.is_sorted_by(|a, b| a.seq < b.seq));
    assert_eq!(works(fixture.store.unrouted(1_000).await).events, log);
}

/// "Events that somebody else has routed meanwhile are left alone": each is routed by one router.
pub async fn two_routers_make_each_delivery_once(fixture: &Fixture) {
    let events: Vec<_> = (0..20).map(|_| event("user.signup").build()).collect();
    fixture.append_all(events).await;
    let summaries = race(&fixture.store, |store, _| async move {
        let unrouted = works(store.unrouted(20).await).events;
        let plans = unrouted.iter().map(|it| plan_for(it, vec![delivery("slack", "#general")], &[]));
        works(store.route(plans.collect(), at(0)).await)
    })
    .await;
    assert_eq!(summaries.iter().map(|it| it.events).sum::<usize>(), 20);
    assert_eq!(fixture.listed(Default::default()).await.len(), 20);
}

/// "A delivery reaches exactly one final state", whoever settles it at the same time.
pub async fn concurrent_settlements_end_a_delivery_once(fixture: &Fixture) {
    fixture.sent("slack", "#general").await;
    let claimed = fixture.claimed_one(claim("slack")).await;
    let summaries = race(&fixture.store, |store, caller| {
        let verdict: fn(&_, _) -> Settlement =
            if caller % 2 == 0 { done } else { |delivery, now| dead(delivery, "gone", now) };
        let settlement = verdict(&claimed, at(1));
        async move { works(store.settle(vec![settlement]).await) }
    })
    .await;
    assert_eq!(summaries.iter().map(|it| it.settled).sum::<usize>(), 1);
    assert_eq!(fixture.attempts(claimed.delivery_id).await.len(), 1);
}

/// A lost claim is released once, and a dead letter redriven once, whoever does it at the same time.
pub async fn concurrent_upkeep_happens_once(fixture: &Fixture) {
    for _ in 0..2 {
        fixture.sent("slack", "#general").await;
    }
    let claimed = fixture.claimed(claim("slack").lease(30)).await;
    fixture.settled(dead(&claimed[0], "gone", at(1))).await;
    let released = race(&fixture.store, |store, _| async move { works(store.release_expired(at(31), 10).await) }).await;
    assert_eq!(released.iter().sum::<usize>(), 1);
    let redriven = race(&fixture.store, |store, _| async move { works(store.redrive(all_dead(), at(32)).await) }).await;
    assert_eq!(redriven.iter().sum::<usize>(), 1);
    assert_eq!(fixture.listed(Default::default()).await.len(), 2);
}

/// Of changes of one revision at the same time one is made, and the others are told of it.
pub async fn of_two_changes_at_the_same_time_one_is_made(fixture: &Fixture) {
    let seen = subscription("org_1").build();
    works(fixture.subscriptions.create(seen.clone(), secret(seen.subscription_id)).await);
    let answers = race(&fixture.subscriptions, |subscriptions, caller| {
        let mine = Subscription { description: format!("of {caller}"), ..seen.clone() };
        async move { works(subscriptions.update(mine).await) }
    })
    .await;
    let made: Vec<_> =
        answers.iter().filter_map(|it| if let Updated::Done(it) = it { Some(it) } else { None }).collect();
    let [made] = made[..] else { panic!("one of them is made: {answers:?}") };
    let told = answers.iter().filter(|it| **it == Updated::Conflict(made.clone())).count();
    assert_eq!(told, CALLERS - 1, "{answers:?}");
}

/// The version counts changes that are made at the same time one by one, and shows them all.
pub async fn changes_at_the_same_time_all_count(fixture: &Fixture) {
    let before = works(fixture.store.unrouted(0).await).routes;
    race(&fixture.subscriptions, |subscriptions, _| async move {
        for _ in 0..10 {
            let new = subscription("org_1").build();
            works(subscriptions.create(new.clone(), secret(new.subscription_id)).await);
        }
    })
    .await;
    let (version, routes) = works(fixture.routes.stored_routes().await);
    assert_eq!(routes.len(), CALLERS * 10);
    assert!(version.0 >= before.0 + 40, "{before} to {version}");
}

/// Each attempt and event is counted once, whatever is recorded and whoever counts at the same time.
pub async fn what_is_recorded_while_others_count_is_counted_once(fixture: &Fixture) {
    const EACH: usize = 20;
    let targets = ["a", "b", "c", "d"];
    for target in targets {
        fixture.routed(event("user.signup"), vec![delivery("webhooks", target); EACH]).await;
    }
    let (store, statistics) = (Arc::clone(&fixture.store), Arc::clone(&fixture.statistics));
    race(&store, |store, caller| {
        let statistics = Arc::clone(&statistics);
        async move {
            for _ in 0..EACH {
                let request = claim("webhooks").allowing(targets[caller], 1).each(0).build();
                let claimed = works(store.claim(request).await);
                works(store.append(vec![event("user.login").build()]).await);
                works(store.settle(claimed.iter().map(|it| done(it, at(1))).collect()).await);
                // Whoever is overtaken counts nothing, and goes on.
                if let Some(step) = works(statistics.uncounted(&["webhooks".into()], 7).await).step() {
                    works(statistics.count(step).await);
                }
            }
        }
    })
    .await;
    let told = |report: crate::statistics::Report| (report.total(None).succeeded, report.events.values().sum::<u64>());
    let everything = ((CALLERS * EACH) as u64, (targets.len() + CALLERS * EACH) as u64);
    assert_eq!(told(fixture.report(&asks(StatisticsOf::All)).await), everything);
    fixture.count_all(7).await;
    assert_eq!(told(fixture.report(&asks(StatisticsOf::All)).await), everything);
}
