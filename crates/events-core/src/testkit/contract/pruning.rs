//! Pruning: what has been kept long enough goes, and nothing else.

use jiff::Timestamp;

use super::steps::{all_dead, works};
use crate::{
    event::Seq,
    ports::{Appended, PruneRequest, Pruned},
    testkit::{Fixture, at, claim, dead, done, event, retry},
};

const NOTHING: PruneRequest = PruneRequest {
    attempts_before: Timestamp::MIN,
    dead_letters_before: Timestamp::MIN,
    keys_before: Timestamp::MIN,
    limit: 100,
};

async fn pruned(fixture: &Fixture, request: PruneRequest) -> Pruned {
    works(fixture.store.prune(request).await)
}

/// "Attempts of ended deliveries, older than this": with the last attempt the delivery is
/// no longer listed, and the event stays.
pub async fn old_attempts_of_ended_deliveries_go(fixture: &Fixture) {
    let stored = fixture.sent("slack", "#general").await;
    let first = fixture.claimed_one(claim("slack")).await;
    fixture.settled(retry(&first, at(5), at(1))).await;
    let second = fixture.claimed_one(claim("slack").at(at(5))).await;
    fixture.settled(done(&second, at(6))).await;
    assert_eq!(pruned(fixture, PruneRequest { attempts_before: at(1), ..NOTHING }).await, Pruned::default());
    let older = PruneRequest { attempts_before: at(6), ..NOTHING };
    assert_eq!(pruned(fixture, older).await, Pruned { attempts: 1, ..Pruned::default() });
    assert_eq!(fixture.attempts(first.delivery_id).await.iter().map(|it| it.number).collect::<Vec<_>>(), [2]);
    assert_eq!(fixture.listed(Default::default()).await.len(), 1);
    assert_eq!(pruned(fixture, PruneRequest { attempts_before: at(7), ..NOTHING }).await.attempts, 1);
    assert_eq!(fixture.listed(Default::default()).await, []);
    let detail = fixture.detail(stored.event.event_id).await;
    assert_eq!((detail.processed, detail.processed_at, detail.retry_count), (true, None, 0));
}

/// Attempts of a delivery that has not ended stay, however old they are.
pub async fn attempts_of_waiting_deliveries_stay(fixture: &Fixture) {
    fixture.sent("slack", "#general").await;
    let claimed = fixture.claimed_one(claim("slack")).await;
    fixture.settled(retry(&claimed, at(5), at(1))).await;
    let all = PruneRequest { attempts_before: at(1_000), ..NOTHING };
    assert_eq!(pruned(fixture, all).await, Pruned::default());
    let claimed = fixture.claimed_one(claim("slack").at(at(5))).await;
    assert_eq!(pruned(fixture, all).await, Pruned::default(), "nor while it is leased");
    fixture.settled(dead(&claimed, "gone", at(6))).await;
    works(fixture.store.redrive(all_dead(), at(7)).await);
    assert_eq!(pruned(fixture, all).await, Pruned::default(), "nor when it was redriven");
}

/// "Dead letters older than this": they can no longer be redriven; their attempts stay.
pub async fn old_dead_letters_go(fixture: &Fixture) {
    for seconds in [1, 2] {
        fixture.sent("slack", "#general").await;
        let claimed = fixture.claimed_one(claim("slack")).await;
        fixture.settled(dead(&claimed, "gone", at(seconds))).await;
    }
    let older = PruneRequest { dead_letters_before: at(2), ..NOTHING };
    assert_eq!(pruned(fixture, older).await, Pruned { dead_letters: 1, ..Pruned::default() });
    assert_eq!(fixture.dead_letters().await.len(), 1);
    assert_eq!(fixture.listed(Default::default()).await.len(), 2);
    assert_eq!(works(fixture.store.redrive(all_dead(), at(9)).await), 1);
}

/// "Idempotency keys older than this", by the time their event was recorded.
pub async fn old_keys_go_and_younger_ones_stay(fixture: &Fixture) {
    fixture.stored(event("user.signup").idempotency_key("old").created_at(at(1))).await;
    let young = fixture.stored(event("user.signup").idempotency_key("young").created_at(at(2))).await;
    let older = PruneRequest { keys_before: at(2), ..NOTHING };
    assert_eq!(pruned(fixture, older).await, Pruned { keys: 1, ..Pruned::default() });
    let again = |key| event("user.signup").idempotency_key(key).created_at(at(3));
    assert_eq!(fixture.append(again("old")).await, Appended::Stored);
    assert_eq!(fixture.append(again("young")).await, Appended::Existing(young.event));
}

/// "At most this many rows of each kind", oldest first.
pub async fn pruning_is_bounded_and_begins_with_the_oldest(fixture: &Fixture) {
    for seconds in 1..=3 {
        let keyed = event("user.signup").idempotency_key(&seconds.to_string()).created_at(at(seconds));
        fixture.routed(keyed, vec![crate::testkit::delivery("slack", "#general")]).await;
        let claimed = fixture.claimed_one(claim("slack")).await;
        fixture.settled(dead(&claimed, "gone", at(seconds))).await;
    }
    let all = at(100);
    let two = PruneRequest { attempts_before: all, dead_letters_before: all, keys_before: all, limit: 2 };
    assert_eq!(pruned(fixture, two).await, Pruned { attempts: 2, dead_letters: 2, keys: 2 });
    assert_eq!(fixture.dead_letters().await[0].created_at, at(3));
    assert_eq!(fixture.listed(Default::default()).await[0].ended_at, Some(at(3)));
    let youngest = fixture.append(event("user.login").idempotency_key("3")).await;
    assert!(matches!(youngest, Appended::Conflict(_)), "{youngest:?}");
    assert_eq!(pruned(fixture, two).await, Pruned { attempts: 1, dead_letters: 1, keys: 1 });
}

/// Events are kept: nothing prunes the log.
pub async fn events_are_kept(fixture: &Fixture) {
    let stored = fixture.sent("slack", "#general").await;
    let unrouted = fixture.stored(event("user.login")).await;
    let all = at(1_000_000);
    let request = PruneRequest { attempts_before: all, dead_letters_before: all, keys_before: all, limit: 100 };
    assert_eq!(pruned(fixture, request).await, Pruned::default());
    assert_eq!(works(fixture.history.scan(Seq::START, 10).await), [stored, unrouted]);
    assert_eq!(fixture.claimed(claim("slack")).await.len(), 1);
}
