//! Isolation: no organization sees or affects what belongs to another.

use super::steps::{ALL, all_dead, works};
use crate::{
    event::StoredEvent,
    ports::{Appended, DeadLetterQuery, DeliveryQuery, RedriveFilter, TimelineQuery},
    testkit::{Fixture, at, claim, dead, delivery, event},
};

/// One event with one delivery for each of two organizations, and one of nobody.
async fn three_events(fixture: &Fixture) -> [StoredEvent; 3] {
    let slack = || vec![delivery("slack", "#general")];
    [
        fixture.routed(event("user.signup").organization("org_1"), slack()).await,
        fixture.routed(event("user.signup").organization("org_2"), slack()).await,
        fixture.routed(event("user.signup"), slack()).await,
    ]
}

/// "`None` when it belongs to another organization than the one named."
pub async fn an_event_is_hidden_from_other_organizations(fixture: &Fixture) {
    let [mine, theirs, nobodys] = three_events(fixture).await;
    let seen = async |event: &StoredEvent, organization_id: Option<&str>| {
        works(fixture.history.event(event.event.event_id, organization_id).await).is_some()
    };
    assert!(seen(&mine, Some("org_1")).await && seen(&mine, None).await);
    assert!(!seen(&theirs, Some("org_1")).await);
    assert!(!seen(&nobodys, Some("org_1")).await, "what belongs to nobody is not everybody's");
}

/// "Where a query names an organization, nothing of another organization is in the answer": the timeline.
pub async fn a_timeline_shows_its_organization_only(fixture: &Fixture) {
    let [mine, theirs, nobodys] = three_events(fixture).await.map(|it| it.event.event_id);
    let of = |organization_id| TimelineQuery { organization_id, ..TimelineQuery::default() };
    assert_eq!(fixture.timeline(of(Some("org_1".to_owned()))).await, [mine]);
    assert_eq!(fixture.timeline(of(Some("org_3".to_owned()))).await, []);
    assert_eq!(fixture.timeline(of(None)).await, [nobodys, theirs, mine]);
}

/// Nothing of another organization is in the answer: deliveries, waiting and ended, also by the
/// id of an event of another one.
pub async fn deliveries_show_their_organization_only(fixture: &Fixture) {
    let [mine, theirs, _] = three_events(fixture).await.map(|it| it.event.event_id);
    let of = |event_id| DeliveryQuery { event_id, organization_id: Some("org_1".to_owned()), ..Default::default() };
    for _ in ["waiting", "ended"] {
        let listed = fixture.listed(of(None)).await;
        assert_eq!(listed.iter().map(|it| it.event_id).collect::<Vec<_>>(), [mine]);
        assert_eq!(fixture.listed(of(Some(theirs))).await, []);
        for claimed in fixture.claimed(claim("slack")).await {
            fixture.settled(dead(&claimed, "gone", at(1))).await;
        }
    }
}

/// Nothing of another organization is in the answer, nor redriven: dead letters.
pub async fn dead_letters_belong_to_their_organization(fixture: &Fixture) {
    let events = three_events(fixture).await;
    for claimed in fixture.claimed(claim("slack")).await {
        fixture.settled(dead(&claimed, "gone", at(1))).await;
    }
    let organization_id = Some("org_1".to_owned());
    let mine = DeadLetterQuery { organization_id: organization_id.clone(), page: ALL, ..Default::default() };
    let listed = works(fixture.history.dead_letters(mine).await).items;
    assert_eq!(listed.iter().map(|it| &it.event).collect::<Vec<_>>(), [&*events[0].event]);
    let their_id = Some(fixture.delivery_of(&events[1]).await.delivery_id);
    let theirs =
        DeadLetterQuery { delivery_id: their_id, organization_id: organization_id.clone(), ..Default::default() };
    assert_eq!(works(fixture.history.dead_letters(theirs).await).items, []);
    let stolen = RedriveFilter {
        deliveries: their_id.map(|id| vec![id]),
        organization_id: organization_id.clone(),
        ..all_dead()
    };
    assert_eq!(works(fixture.store.redrive(stolen, at(2)).await), 0);
    assert_eq!(works(fixture.store.redrive(RedriveFilter { organization_id, ..all_dead() }, at(2)).await), 1);
    assert_eq!(fixture.dead_letters().await.len(), 2);
}

/// An idempotency key works "within the organization"; no organization is a scope of its own.
pub async fn idempotency_keys_of_two_organizations_do_not_meet(fixture: &Fixture) {
    let keyed = |event_type| event(event_type).idempotency_key("k");
    let mine = fixture.stored(keyed("user.signup").organization("org_1")).await;
    fixture.stored(keyed("user.login").organization("org_2")).await;
    let nobodys = fixture.stored(keyed("user.logout")).await;
    let again = fixture.append(keyed("user.signup").organization("org_1")).await;
    assert_eq!(again, Appended::Existing(mine.event));
    let again = fixture.append(keyed("user.logout")).await;
    assert_eq!(again, Appended::Existing(nobodys.event), "keys without an organization are one scope");
}
