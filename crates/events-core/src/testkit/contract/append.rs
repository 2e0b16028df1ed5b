//! Appending: each event is stored once, and every answer is in its place.

use std::sync::Arc;

use serde_json::json;

use super::steps::works;
use crate::{
    event::{Event, EventId, Metadata, Payload, Seq},
    ports::{Appended, PruneRequest},
    testkit::{Fixture, at, event},
};

/// "The event as published": every field comes back as it was given, key order and microseconds included.
pub async fn an_event_comes_back_as_it_was_published(fixture: &Fixture) {
    let published = Event {
        event_version: "2.10.0".to_owned(),
        occurred_at: at(-5) + jiff::SignedDuration::from_micros(123_456),
        created_at: at(1) + jiff::SignedDuration::from_micros(1),
        payload: Payload::from_json(r#"{"b": 1.50, "a": {"ü": "\"'\u0001🦀"}}"#).expect("this is an object"),
        metadata: Metadata {
            ip_address: Some("::1".to_owned()),
            user_agent: Some("curl/8".to_owned()),
            request_id: Some("r1".to_owned()),
            trace_parent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned()),
            causation_id: Some(event("user.signup").build().event_id),
            causation_depth: 3,
            ..Metadata::default()
        },
        ..Event::clone(&event("a.b.c").organization("org_1").actor("user_1").idempotency_key("k").build())
    };
    let published = Arc::new(published);
    assert_eq!(fixture.append_all(vec![Arc::clone(&published)]).await, [Appended::Stored]);
    assert_eq!(fixture.detail(published.event_id).await.event, *published);
    let plain = fixture.stored(event("user.signup")).await;
    assert_eq!(fixture.detail(plain.event.event_id).await.event, *plain.event);
    let unrouted = works(fixture.store.unrouted(10).await).events;
    assert_eq!((&unrouted[0].event, &unrouted[1]), (&published, &plain));
}

/// "Position in the log; grows in the order of recording", within a batch and from batch to batch.
pub async fn places_in_the_log_grow_in_the_order_of_recording(fixture: &Fixture) {
    let batch: Vec<_> = (0..5).map(|_| event("user.signup").build()).collect();
    fixture.append_all(batch.clone()).await;
    let last = fixture.stored(event("user.login")).await;
    let log = works(fixture.history.scan(Seq::START, 10).await);
    let in_order: Vec<_> = batch.iter().chain([&last.event]).map(|event| event.event_id).collect();
    assert_eq!(log.iter().map(|stored| stored.event.event_id).collect::<Vec<_>>(), in_order);
    assert!(log[0].seq > Seq::START && log.is_sorted_by(|a, b| a.seq < b.seq), "{log:?}");
}

/// However many come in one batch: every field of each comes back as it was given, in their order, and each is known
/// then, whether it has a key or not.
pub async fn a_batch_of_any_size_is_stored_as_it_was_given(fixture: &Fixture) {
    for size in [1_usize, 2, 7, 8, 9, 10, 33] {
        for with_keys in [false, true] {
            let last = works(fixture.history.scan(Seq::START, 1000).await).last().map_or(Seq::START, |last| last.seq);
            let batch: Vec<_> = (0..size).map(|number| unlike_others(size, number, with_keys)).collect();
            assert_eq!(fixture.append_all(batch.clone()).await, vec![Appended::Stored; size]);
            let log = works(fixture.history.scan(last, 1000).await);
            assert_eq!(log.into_iter().map(|stored| stored.event).collect::<Vec<_>>(), batch, "{size} {with_keys}");
            let known = |batch: &[Arc<Event>]| batch.iter().cloned().map(Appended::Existing).collect::<Vec<_>>();
            assert_eq!(fixture.append_all(batch.clone()).await, known(&batch));
            let keyed: Vec<_> = batch.into_iter().filter(|event| event.idempotency_key.is_some()).collect();
            let same_keys = keyed.iter().map(|event| Arc::new(Event { event_id: new_id(), ..Event::clone(event) }));
            assert_eq!(fixture.append_all(same_keys.collect()).await, known(&keyed));
        }
    }
}

fn new_id() -> EventId {
    event("a.b").build().event_id
}

/// An event of which each field says which one it is.
fn unlike_others(size: usize, number: usize, with_keys: bool) -> Arc<Event> {
    let name = format!("{size}_{number}");
    let some = |field: &str, every: usize| number.is_multiple_of(every).then(|| format!("{field}_{name}"));
    let moment = i64::try_from(number).expect("it is small");
    Arc::new(Event {
        event_version: format!("{size}.{number}.0"),
        occurred_at: at(-moment),
        created_at: at(moment),
        actor: some("actor", 2),
        actor_type: some("type", 2),
        organization_id: some("org", 3),
        idempotency_key: some("key", 2).filter(|_| with_keys),
        metadata: Metadata { source: name.clone(), ..Metadata::default() },
        ..Event::clone(&event("user.signup").payload(json!({ "number": name })).build())
    })
}

/// "Answers for each event, in the same order"; an empty batch has an empty answer.
pub async fn an_empty_batch_is_answered_with_nothing(fixture: &Fixture) {
    assert_eq!(fixture.append_all(Vec::new()).await, []);
}

/// "Already there with the same content (the first one is handed back)", by the event's id.
pub async fn an_event_id_is_stored_once(fixture: &Fixture) {
    let first = fixture.stored(event("user.signup").payload(json!({ "a": 1, "b": 2 }))).await;
    let again = event("user.signup").id(first.event.event_id).payload(json!({ "b": 2, "a": 1 })).created_at(at(9));
    assert_eq!(fixture.append(again).await, Appended::Existing(Arc::clone(&first.event)));
    assert_eq!(works(fixture.history.scan(Seq::START, 10).await), [first]);
}

/// "Already there with the same content (the first one is handed back)", by the idempotency key.
pub async fn an_idempotency_key_stores_one_event(fixture: &Fixture) {
    let keyed = || event("user.signup").organization("org_1").idempotency_key("signup-1").actor("user_1");
    let first = fixture.stored(keyed()).await;
    assert_eq!(fixture.append(keyed().created_at(at(9))).await, Appended::Existing(Arc::clone(&first.event)));
    assert_eq!(works(fixture.history.scan(Seq::START, 10).await), [first]);
}

/// "In conflict with another event of the same idempotency key": its id is told, nothing is stored.
pub async fn a_key_with_other_content_is_a_conflict(fixture: &Fixture) {
    let first = fixture.stored(event("user.signup").idempotency_key("k").payload(json!({ "plan": "free" }))).await;
    let other = event("user.signup").idempotency_key("k").payload(json!({ "plan": "pro" }));
    assert_eq!(fixture.append(other).await, Appended::Conflict(first.event.event_id));
    assert_eq!(works(fixture.history.scan(Seq::START, 10).await), [first]);
}

/// "In conflict with another event of the same … id", whatever its organization.
pub async fn an_id_with_other_content_is_a_conflict(fixture: &Fixture) {
    let first = fixture.stored(event("user.signup").organization("org_1")).await;
    let same_id = |event_type| event(event_type).id(first.event.event_id);
    assert_eq!(fixture.append(same_id("user.signup")).await, Appended::Conflict(first.event.event_id));
    assert_eq!(
        fixture.append(same_id("user.login").organization("org_1")).await,
        Appended::Conflict(first.event.event_id)
    );
    assert_eq!(works(fixture.history.scan(Seq::START, 10).await), [first]);
}

/// "A conflict stops no neighbour", and the answers keep the order of the questions.
pub async fn a_conflict_stops_no_neighbour(fixture: &Fixture) {
    let first = fixture.stored(event("user.signup").idempotency_key("k")).await;
    let before = event("user.login").build();
    let conflict = event("user.logout").idempotency_key("k").build();
    let repeat = event("user.signup").idempotency_key("k").build();
    let after = event("user.login").build();
    let answers = fixture.append_all(vec![Arc::clone(&before), conflict, repeat, Arc::clone(&after)]).await;
    let first_id = first.event.event_id;
    assert_eq!(
        answers,
        [Appended::Stored, Appended::Conflict(first_id), Appended::Existing(first.event), Appended::Stored]
    );
    let log = works(fixture.history.scan(first.seq, 10).await);
    assert_eq!(log.into_iter().map(|stored| stored.event).collect::<Vec<_>>(), [before, after]);
}

/// Duplicates are found within a batch as well: the first of them is stored.
pub async fn duplicates_within_a_batch_are_found(fixture: &Fixture) {
    let first = event("user.signup").idempotency_key("k").build();
    let same_key = event("user.signup").idempotency_key("k").build();
    let other_content = event("user.login").idempotency_key("k").build();
    let same_id = event("user.signup").id(first.event_id).build();
    let answers = fixture.append_all(vec![Arc::clone(&first), same_key, other_content, same_id]).await;
    let existing = || Appended::Existing(Arc::clone(&first));
    assert_eq!(answers, [Appended::Stored, existing(), Appended::Conflict(first.event_id), existing()]);
}

/// An event is first known by its id, then by its key; and what is not stored leaves no key behind.
pub async fn the_id_is_looked_at_before_the_key(fixture: &Fixture) {
    let by_id = fixture.stored(event("user.signup")).await;
    let by_key = fixture.stored(event("user.login").idempotency_key("taken")).await;
    let both = event("user.signup").id(by_id.event.event_id).idempotency_key("taken");
    assert_eq!(fixture.append(both).await, Appended::Existing(Arc::clone(&by_id.event)));
    let fresh_key = event("user.signup").id(by_id.event.event_id).idempotency_key("fresh");
    assert_eq!(fixture.append(fresh_key).await, Appended::Existing(by_id.event));
    let key_is_free = event("user.logout").idempotency_key("fresh");
    assert_eq!(fixture.append(key_is_free).await, Appended::Stored);
    let key_is_taken = event("user.logout").idempotency_key("taken");
    assert_eq!(fixture.append(key_is_taken).await, Appended::Conflict(by_key.event.event_id));
}

/// A key is known until it is pruned, an id for ever.
pub async fn a_pruned_key_can_be_used_again_and_an_id_cannot(fixture: &Fixture) {
    let first = fixture.stored(event("user.signup").idempotency_key("k")).await;
    let request = PruneRequest { attempts_before: at(0), dead_letters_before: at(0), keys_before: at(1), limit: 10 };
    assert_eq!(works(fixture.store.prune(request).await).keys, 1);
    let again = event("user.signup").id(first.event.event_id).idempotency_key("k");
    assert_eq!(fixture.append(again).await, Appended::Existing(first.event));
    assert_eq!(fixture.append(event("user.login").idempotency_key("k")).await, Appended::Stored);
    let taken_again = fixture.append(event("user.logout").idempotency_key("k")).await;
    assert!(matches!(taken_again, Appended::Conflict(_)), "{taken_again:?}");
}
