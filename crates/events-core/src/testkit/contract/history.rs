//! The read side: progress is computed from what happened, and is always true.

use super::steps::{ALL, plan_for, works};
use crate::{
    delivery::{DeliveryId, DeliveryState},
    event::Seq,
    ports::{DeadLetterQuery, DeliveryQuery, Depth, NewDelivery, PageRequest},
    testkit::{Fixture, at, claim, dead, delivery, done, event, retry},
};

/// "Whether it was routed and every delivery reached a final state", and when the last one did.
pub async fn an_event_is_processed_when_its_last_delivery_ended(fixture: &Fixture) {
    let stored = fixture.stored(event("user.signup")).await;
    let progress = async || {
        let detail = fixture.detail(stored.event.event_id).await;
        (detail.processed, detail.processed_at)
    };
    assert_eq!(progress().await, (false, None), "not routed");
    let deliveries = vec![delivery("slack", "#a"), delivery("slack", "#b")];
    fixture.route(vec![plan_for(&stored, deliveries, &[])]).await;
    assert_eq!(progress().await, (false, None), "waits");
    let claimed = fixture.claimed(claim("slack")).await;
    assert_eq!(progress().await, (false, None), "leased");
    fixture.settled(done(&claimed[0], at(5))).await;
    assert_eq!(progress().await, (false, None), "one of two");
    fixture.settled(dead(&claimed[1], "gone", at(4))).await;
    assert_eq!(progress().await, (true, Some(at(5))));
}

/// An event that nobody listens to is processed as soon as it is routed.
pub async fn an_event_without_deliveries_is_processed(fixture: &Fixture) {
    let stored = fixture.routed(event("user.signup"), vec![]).await;
    let detail = fixture.detail(stored.event.event_id).await;
    assert_eq!((detail.processed, detail.processed_at), (true, None));
    assert_eq!((detail.retry_count, detail.last_error), (0, None));
}

/// "Attempts beyond the first, over all deliveries", lost ones included, and "error of the
/// latest failed attempt".
pub async fn retries_and_the_last_error_are_counted_over_all_deliveries(fixture: &Fixture) {
    let deliveries = vec![delivery("slack", "#a"), delivery("email", "x")];
    let stored = fixture.routed(event("user.signup"), deliveries).await;
    let slack = fixture.claimed_one(claim("slack")).await;
    fixture.settled(retry(&slack, at(5), at(1))).await;
    fixture.claimed_one(claim("email").lease(1)).await;
    works(fixture.store.release_expired(at(2), 10).await);
    let detail = fixture.detail(stored.event.event_id).await;
    assert_eq!((detail.retry_count, detail.last_error.as_deref()), (2, Some("the worker was not heard of again")));
    let slack = fixture.claimed_one(claim("slack").at(at(5))).await;
    fixture.settled(dead(&slack, "gone", at(6))).await;
    let email = fixture.claimed_one(claim("email").at(at(6))).await;
    fixture.settled(done(&email, at(7))).await;
    let detail = fixture.detail(stored.event.event_id).await;
    assert_eq!((detail.retry_count, detail.last_error.as_deref()), (2, Some("gone")), "success is no failure");
}

/// "Events after a position in the log, oldest first, at most `limit`."
pub async fn a_scan_follows_the_log(fixture: &Fixture) {
    let mut log = Vec::new();
    for _ in 0..5 {
        log.push(fixture.stored(event("user.signup")).await);
    }
    assert_eq!(works(fixture.history.scan(Seq::START, 2).await), log[..2]);
    assert_eq!(works(fixture.history.scan(log[1].seq, 2).await), log[2..4]);
    assert_eq!(works(fixture.history.scan(log[3].seq, 2).await), log[4..]);
    assert_eq!(works(fixture.history.scan(log[4].seq, 2).await), []);
}

/// "Whether an event of this type and organization was stored after `after`."
pub async fn what_happened_after_is_told_by_type_and_organization(fixture: &Fixture) {
    let first = fixture.stored(event("user.signup").organization("org_1")).await;
    let second = fixture.stored(event("user.login").organization("org_1")).await;
    let happened = async |event_type: &str, organization_id: Option<&str>, after: Seq| {
        let event_type = event_type.parse().expect("this is an event type");
        works(fixture.history.happened_after(&event_type, organization_id, after).await)
    };
    assert!(happened("user.login", Some("org_1"), first.seq).await);
    assert!(!happened("user.login", Some("org_1"), second.seq).await, "after, not at");
    assert!(!happened("user.signup", Some("org_1"), first.seq).await);
    assert!(!happened("user.login", Some("org_2"), first.seq).await);
    assert!(!happened("user.login", None, first.seq).await, "an event of an organization is none without one");
    fixture.stored(event("user.login")).await;
    assert!(happened("user.login", None, first.seq).await);
}

/// "Deliveries newest first, waiting and ended ones", by event, handler, target and state.
pub async fn deliveries_are_listed_by_what_is_asked(fixture: &Fixture) {
    let deliveries = vec![delivery("slack", "#a"), delivery("slack", "#b"), delivery("email", "#a")];
    let stored = fixture.routed(event("user.signup"), deliveries).await;
    fixture.sent("slack", "#a").await;
    let claimed = fixture.claimed(claim("slack").limit(1)).await;
    fixture.settled(done(&claimed[0], at(1))).await;
    let all = fixture.listed(DeliveryQuery::default()).await;
    assert!(all.len() == 4 && all.is_sorted_by(|a, b| a.delivery_id > b.delivery_id), "{all:?}");
    let count = async |query: DeliveryQuery| fixture.listed(query).await.len();
    let event_id = Some(stored.event.event_id);
    assert_eq!(count(DeliveryQuery { event_id, ..Default::default() }).await, 3);
    assert_eq!(count(DeliveryQuery { handler: Some("slack".into()), ..Default::default() }).await, 3);
    assert_eq!(count(DeliveryQuery { target: Some("#a".into()), ..Default::default() }).await, 3);
    let state = Some(DeliveryState::Succeeded);
    assert_eq!(count(DeliveryQuery { state, ..Default::default() }).await, 1);
    let narrow =
        DeliveryQuery { event_id, handler: Some("slack".into()), target: Some("#b".into()), ..Default::default() };
    assert_eq!(count(DeliveryQuery { state: Some(DeliveryState::Pending), ..narrow.clone() }).await, 1);
    assert_eq!(count(DeliveryQuery { state: Some(DeliveryState::Leased), ..narrow }).await, 0);
}

/// A leased delivery shows as such, with its attempt and without a due time.
pub async fn a_leased_delivery_is_listed_as_leased(fixture: &Fixture) {
    let stored = fixture.sent("slack", "#general").await;
    fixture.claimed_one(claim("slack")).await;
    let record = fixture.delivery_of(&stored).await;
    assert_eq!((record.state, record.attempts), (DeliveryState::Leased, 1));
    assert_eq!((record.due_at, record.ended_at, record.last_error), (None, None, None));
    assert_eq!((record.event_id, record.event_type), (stored.event.event_id, stored.event.event_type.clone()));
}

/// "Pages follow each other without gaps or repeats while rows are added": deliveries.
pub async fn pages_of_deliveries_follow_each_other(fixture: &Fixture) {
    fixture.routed(event("user.signup"), vec![delivery("slack", "#general"); 5]).await;
    let (mut seen, mut cursor) = (Vec::new(), None);
    loop {
        let page = PageRequest { limit: 2, offset: 0, cursor };
        let page = works(fixture.history.deliveries(DeliveryQuery { page, ..Default::default() }).await);
        seen.extend(page.items.iter().map(|it| it.delivery_id));
        fixture.sent("slack", "#general").await;
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert!(seen.len() == 5 && seen.is_sorted_by(|a, b| a > b), "{seen:?}");
}

/// "Dead letters newest first", by delivery, handler and target, in pages.
pub async fn dead_letters_are_listed_newest_first(fixture: &Fixture) {
    let targets = [("slack", "#a"), ("slack", "#b"), ("email", "#a")];
    for (handler, target) in targets {
        fixture.sent(handler, target).await;
        let claimed = fixture.claimed_one(claim(handler)).await;
        fixture.settled(dead(&claimed, "gone", at(1))).await;
    }
    let letters = fixture.dead_letters().await;
    let seen: Vec<_> = letters.iter().map(|it| (it.handler.as_str(), it.target.as_str())).collect();
    assert_eq!(seen, [("email", "#a"), ("slack", "#b"), ("slack", "#a")]);
    let asked = async |query: DeadLetterQuery| works(fixture.history.dead_letters(query).await);
    let count = async |query: DeadLetterQuery| asked(DeadLetterQuery { page: ALL, ..query }).await.items.len();
    assert_eq!(count(DeadLetterQuery { handler: Some("slack".into()), ..Default::default() }).await, 2);
    assert_eq!(count(DeadLetterQuery { target: Some("#a".into()), ..Default::default() }).await, 2);
    let delivery_id = Some(letters[0].delivery_id);
    assert_eq!(count(DeadLetterQuery { delivery_id, ..Default::default() }).await, 1);
    let two = PageRequest { limit: 2, ..PageRequest::default() };
    let first = asked(DeadLetterQuery { page: two.clone(), ..Default::default() }).await;
    assert_eq!((&first.items[..], first.next), (&letters[..2], Some(letters[1].delivery_id.0)));
    let second = asked(DeadLetterQuery { page: PageRequest { cursor: first.next, ..two }, ..Default::default() }).await;
    assert_eq!((&second.items[..], second.next), (&letters[2..], None));
}

/// What is not there is answered with nothing, and is no error.
pub async fn what_is_unknown_is_answered_with_nothing(fixture: &Fixture) {
    let unknown = event("user.signup").build().event_id;
    assert_eq!(works(fixture.history.event(unknown, None).await), None);
    assert_eq!(fixture.attempts(DeliveryId(1_000)).await, []);
    let of_unknown = DeliveryQuery { event_id: Some(unknown), ..Default::default() };
    assert_eq!(fixture.listed(of_unknown).await, []);
    assert_eq!(fixture.depth(0).await, Depth::default());
}

/// "How much waits", each delivery and event in its place.
pub async fn depth_counts_what_waits(fixture: &Fixture) {
    fixture.stored(event("user.signup")).await;
    fixture.routed(event("user.signup"), vec![]).await;
    let later = NewDelivery { due_at: at(60), ..delivery("slack", "#later") };
    fixture.routed(event("user.signup"), vec![delivery("slack", "#a"), later]).await;
    for target in ["#b", "#c", "#d"] {
        fixture.sent("email", target).await;
    }
    let claimed = fixture.claimed(claim("email").limit(2)).await;
    fixture.settled(dead(&claimed[0], "gone", at(1))).await;
    let expected = Depth { unprocessed: 4, unrouted: 1, due: 2, scheduled: 1, leased: 1, dead: 1 };
    assert_eq!(fixture.depth(10).await, expected);
    assert_eq!(fixture.depth(60).await, Depth { due: 3, scheduled: 0, ..expected });
}

/// "Follow-ups planned for later do not count until they are due."
pub async fn planned_follow_ups_are_not_unprocessed_until_they_are_due(fixture: &Fixture) {
    let follow_up =
        NewDelivery { due_at: at(60), cancel_key: Some("remind".to_owned()), ..delivery("slack", "#general") };
    fixture.routed(event("user.signup"), vec![follow_up]).await;
    assert_eq!(fixture.depth(59).await, Depth { scheduled: 1, ..Depth::default() });
    assert_eq!(fixture.depth(60).await, Depth { unprocessed: 1, due: 1, ..Depth::default() });
    let claimed = fixture.claimed_one(claim("slack").at(at(60))).await;
    assert_eq!(fixture.depth(60).await, Depth { unprocessed: 1, leased: 1, ..Depth::default() });
    fixture.settled(retry(&claimed, at(90), at(61))).await;
    let expected = Depth { unprocessed: 1, scheduled: 1, ..Depth::default() };
    assert_eq!(fixture.depth(62).await, expected, "once begun, it is work that waits");
}
