//! Lists of deliveries and dead letters as people ask for them: by how they do, by type and by time.

use super::steps::works;
use crate::{
    delivery::{DeliveryId, DeliveryStatus},
    ports::{DeadLetterQuery, DeliveryQuery, Depth},
    testkit::{Fixture, at, claim, dead, delivery, done, dropped, event, handed_back, retry},
};

async fn with_status(fixture: &Fixture, status: DeliveryStatus) -> Vec<DeliveryId> {
    let query = DeliveryQuery { status: Some(status), ..DeliveryQuery::default() };
    let records = fixture.listed(query).await;
    assert!(records.iter().all(|record| record.status() == status), "{records:?}");
    records.into_iter().map(|record| record.delivery_id).collect()
}

/// A delivery is pending until its first try has failed, and failed until it ends; whether a worker has it makes no
/// difference.
pub async fn deliveries_are_listed_by_how_they_do(fixture: &Fixture) {
    let kinds = ["waits", "leased", "handed_back", "failed", "tried_again", "done", "dead", "dropped"];
    let mut ids = std::collections::BTreeMap::new();
    for kind in kinds {
        let stored = fixture.sent(kind, "a").await;
        ids.insert(kind, fixture.delivery_of(&stored).await.delivery_id);
    }
    for kind in &kinds[1..] {
        let claimed = fixture.claimed_one(claim(kind)).await;
        match *kind {
            "handed_back" => fixture.settled(handed_back(&claimed, at(1))).await,
            "failed" | "tried_again" => fixture.settled(retry(&claimed, at(2), at(1))).await,
            "done" => fixture.settled(done(&claimed, at(1))).await,
            "dead" => fixture.settled(dead(&claimed, "gone", at(1))).await,
            "dropped" => fixture.settled(dropped(&claimed, "needless", at(1))).await,
            _ => {}
        }
    }
    fixture.claimed_one(claim("tried_again").at(at(2))).await;
    let expected = [
        (DeliveryStatus::Pending, &["handed_back", "leased", "waits"][..]),
        (DeliveryStatus::Failed, &["tried_again", "failed"]),
        (DeliveryStatus::Succeeded, &["done"]),
        (DeliveryStatus::Dead, &["dead"]),
        (DeliveryStatus::Dropped, &["dropped"]),
    ];
    for (status, kinds) in expected {
        let expected: Vec<DeliveryId> = kinds.iter().map(|kind| ids[kind]).collect();
        assert_eq!(with_status(fixture, status).await, expected, "{status:?}");
    }
    let depth = works(fixture.history.depth(at(2)).await);
    assert_eq!(depth, Depth { unprocessed: 5, due: 3, leased: 2, dead: 1, ..Depth::default() }, "the rest is open");
}

/// "Of events of these types", and "recorded at or after this time", "before this time".
pub async fn deliveries_are_listed_by_type_and_time_of_their_event(fixture: &Fixture) {
    let mut ids = Vec::new();
    for (event_type, seconds) in [("user.signup", 1), ("user.login", 2), ("userx.login", 3), ("billing.paid", 4)] {
        let stored = fixture.routed(event(event_type).created_at(at(seconds)), vec![delivery("slack", "a")]).await;
        ids.push(fixture.delivery_of(&stored).await.delivery_id);
    }
    // Ended and open ones.
    let claimed = fixture.claimed(claim("slack").limit(2)).await;
    for delivery in &claimed {
        fixture.settled(done(delivery, at(100))).await;
    }
    let listed = async |query: DeliveryQuery| -> Vec<DeliveryId> {
        fixture.listed(query).await.into_iter().map(|record| record.delivery_id).collect()
    };
    let types = |patterns: &[&str]| DeliveryQuery {
        event_types: patterns.iter().map(|it| it.parse().expect("this is a pattern")).collect(),
        ..DeliveryQuery::default()
    };
    assert_eq!(listed(types(&["user.*"])).await, [ids[1], ids[0]]);
    assert_eq!(listed(types(&["billing.paid", "user.login"])).await, [ids[3], ids[1]]);
    assert_eq!(listed(types(&["*"])).await.len(), 4);
    let since = DeliveryQuery { since: Some(at(2)), ..DeliveryQuery::default() };
    assert_eq!(listed(since.clone()).await, [ids[3], ids[2], ids[1]]);
    assert_eq!(listed(DeliveryQuery { until: Some(at(4)), ..since }).await, [ids[2], ids[1]]);
    let one = DeliveryQuery { delivery_id: Some(ids[1]), ..DeliveryQuery::default() };
    assert_eq!(listed(one).await, [ids[1]]);
}

/// "Status code that the latest attempt was answered with", and what the event carries "if it was asked for".
pub async fn a_listed_delivery_shows_its_last_answer_and_its_payload(fixture: &Fixture) {
    let with_payload = event("invoice.created").payload(serde_json::json!({ "invoice_id": "inv_1" }));
    let stored = fixture.routed(with_payload.created_at(at(7)), vec![delivery("slack", "a")]).await;
    assert_eq!(fixture.delivery_of(&stored).await.last_status, None, "not tried");
    for (status, seconds) in [(Some(503), 1), (None, 2)] {
        let claimed = fixture.claimed_one(claim("slack").at(at(seconds))).await;
        let mut failed = retry(&claimed, at(seconds + 1), at(seconds));
        failed.report.status = status;
        fixture.settled(failed).await;
        assert_eq!(fixture.delivery_of(&stored).await.last_status, status);
    }
    let claimed = fixture.claimed_one(claim("slack").at(at(3))).await;
    let mut ended = done(&claimed, at(3));
    ended.report.status = Some(204);
    fixture.settled(ended).await;
    let record = fixture.delivery_of(&stored).await;
    assert_eq!((record.last_status, record.payload, record.event_created_at), (Some(204), None, at(7)));
    let asked = DeliveryQuery { with_payload: true, ..DeliveryQuery::default() };
    assert_eq!(fixture.listed(asked).await[0].payload.as_ref(), Some(&stored.event.payload));
}

/// A list of one target's deliveries, and of those that died, has ended and open ones in their order, and each once,
/// however often it ended.
pub async fn lists_of_a_target_have_each_delivery_once(fixture: &Fixture) {
    let mut ids = Vec::new();
    for _ in 0..4 {
        let stored = fixture.sent("slack", "a").await;
        ids.insert(0, fixture.delivery_of(&stored).await.delivery_id);
        fixture.sent("slack", "b").await;
    }
    for delivery in fixture.claimed(claim("slack").limit(6)).await {
        fixture.settled(dead(&delivery, "gone", at(1))).await;
    }
    works(fixture.store.redrive(crate::ports::RedriveFilter { limit: 2, ..Default::default() }, at(2)).await);
    for delivery in fixture.claimed(claim("slack").at(at(2)).limit(2)).await {
        fixture.settled(dead(&delivery, "gone again", at(3))).await;
    }
    let of_a = DeliveryQuery { target: Some("a".into()), ..DeliveryQuery::default() };
    let listed = async |query: DeliveryQuery| -> Vec<DeliveryId> {
        fixture.listed(query).await.into_iter().map(|record| record.delivery_id).collect()
    };
    assert_eq!(listed(of_a.clone()).await, ids);
    let dead_of_a = DeliveryQuery { status: Some(DeliveryStatus::Dead), ..of_a };
    assert_eq!(listed(dead_of_a.clone()).await.len(), 3);
    assert_eq!(listed(DeliveryQuery { handler: Some("email".into()), ..dead_of_a }).await, []);
    assert_eq!(with_status(fixture, DeliveryStatus::Dead).await.len(), 6);
}

/// "That died at or after this time", and "before this time".
pub async fn dead_letters_are_listed_by_when_they_died(fixture: &Fixture) {
    let mut ids = Vec::new();
    for seconds in 1..=3 {
        fixture.sent("slack", "a").await;
        let claimed = fixture.claimed_one(claim("slack").at(at(seconds))).await;
        fixture.settled(dead(&claimed, "gone", at(seconds))).await;
        ids.push(claimed.delivery_id);
    }
    let listed = async |since, until| -> Vec<DeliveryId> {
        let query = DeadLetterQuery { since, until, ..DeadLetterQuery::default() };
        works(fixture.history.dead_letters(query).await).items.into_iter().map(|it| it.delivery_id).collect()
    };
    assert_eq!(listed(Some(at(2)), None).await, [ids[2], ids[1]]);
    assert_eq!(listed(None, Some(at(2))).await, [ids[0]]);
    assert_eq!(listed(Some(at(2)), Some(at(3))).await, [ids[1]]);
}
