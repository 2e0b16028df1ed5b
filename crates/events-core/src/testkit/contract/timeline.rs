//! The timeline: events newest first, by what is asked, a page at a time.

use super::steps::works;
use crate::{
    event::EventId,
    ports::{PageRequest, TimelineQuery},
    testkit::{EventBuilder, Fixture, at, event},
};

async fn all_stored(fixture: &Fixture, events: Vec<EventBuilder>) -> Vec<EventId> {
    let mut ids = Vec::new();
    for event in events {
        ids.push(fixture.stored(event).await.event.event_id);
    }
    ids
}

/// "Events newest first", by their place in the log whatever their times say.
pub async fn the_newest_event_comes_first(fixture: &Fixture) {
    let recorded = |seconds| event("user.signup").created_at(at(seconds));
    let mut ids = all_stored(fixture, vec![recorded(3), recorded(1), recorded(2)]).await;
    ids.reverse();
    assert_eq!(fixture.timeline(TimelineQuery::default()).await, ids);
}

/// "Events of these types": exact, by prefix, all; an empty list restricts nothing.
pub async fn the_timeline_is_filtered_by_type(fixture: &Fixture) {
    let types = ["user.signup", "billing.paid", "billing.refund.asked", "billings.paid", "user.signup_done"];
    let ids = all_stored(fixture, types.iter().map(|it| event(it)).collect()).await;
    let of_types = async |patterns: &[&str]| {
        let event_types = patterns.iter().map(|it| it.parse().expect("this is a pattern")).collect();
        let found = fixture.timeline(TimelineQuery { event_types, ..TimelineQuery::default() }).await;
        found
            .iter()
            .rev()
            .map(|id| types[ids.iter().position(|it| it == id).expect("it is stored")])
            .collect::<Vec<_>>()
    };
    assert_eq!(of_types(&["user.signup"]).await, ["user.signup"]);
    assert_eq!(of_types(&["billing.*"]).await, ["billing.paid", "billing.refund.asked"]);
    assert_eq!(of_types(&["user.signup", "billing.*"]).await, types[..3]);
    assert_eq!(of_types(&["*"]).await, types);
    assert_eq!(of_types(&[]).await, types);
    assert_eq!(of_types(&["user.login"]).await, [""; 0]);
}

/// Wild cards of the database are plain characters in a prefix.
pub async fn a_prefix_is_taken_literally(fixture: &Fixture) {
    let ids = all_stored(fixture, vec![event("a_b.c"), event("axb.c"), event("a_b.d.e")]).await;
    let event_types = vec!["a_b.*".parse().expect("this is a pattern")];
    assert_eq!(fixture.timeline(TimelineQuery { event_types, ..Default::default() }).await, [ids[2], ids[0]]);
}

/// "Recorded at or after", "recorded before".
pub async fn the_timeline_is_filtered_by_time(fixture: &Fixture) {
    let recorded = |seconds| event("user.signup").created_at(at(seconds));
    let ids = all_stored(fixture, vec![recorded(1), recorded(2), recorded(3)]).await;
    let between = async |since: Option<i64>, until: Option<i64>| {
        let query = TimelineQuery { since: since.map(at), until: until.map(at), ..TimelineQuery::default() };
        fixture.timeline(query).await
    };
    assert_eq!(between(Some(2), None).await, [ids[2], ids[1]]);
    assert_eq!(between(None, Some(3)).await, [ids[1], ids[0]]);
    assert_eq!(between(Some(2), Some(3)).await, [ids[1]]);
    assert_eq!(between(Some(3), Some(2)).await, []);
}

/// "Filters combine with AND."
pub async fn filters_of_the_timeline_combine(fixture: &Fixture) {
    let ids = all_stored(
        fixture,
        vec![
            event("user.signup").actor("user_1").organization("org_1").created_at(at(1)),
            event("user.signup").actor("user_1").organization("org_2").created_at(at(1)),
            event("user.signup").actor("user_2").organization("org_1").created_at(at(1)),
            event("user.login").actor("user_1").organization("org_1").created_at(at(1)),
            event("user.signup").actor("user_1").organization("org_1").created_at(at(9)),
            event("user.signup"),
        ],
    )
    .await;
    let query = TimelineQuery { actor: Some("user_1".to_owned()), ..TimelineQuery::default() };
    assert_eq!(fixture.timeline(query.clone()).await, [ids[4], ids[3], ids[1], ids[0]]);
    let event_types = vec!["user.signup".parse().expect("this is a pattern")];
    let query = TimelineQuery { organization_id: Some("org_1".to_owned()), event_types, until: Some(at(9)), ..query };
    assert_eq!(fixture.timeline(query).await, [ids[0]]);
}

/// "Pages follow each other without gaps or repeats while rows are added"; the last one says so.
pub async fn pages_of_the_timeline_follow_each_other(fixture: &Fixture) {
    let mut ids = all_stored(fixture, (0..6).map(|_| event("user.signup")).collect()).await;
    ids.reverse();
    let (mut seen, mut cursor, mut pages) = (Vec::new(), None, 0);
    loop {
        let page = PageRequest { limit: 2, offset: 0, cursor };
        let page = works(fixture.history.timeline(TimelineQuery { page, ..Default::default() }).await);
        seen.extend(page.items.iter().map(|it| it.event.event_id));
        fixture.stored(event("user.signup")).await;
        (cursor, pages) = (page.next, pages + 1);
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!((seen, pages), (ids, 3), "a full last page has no successor");
}

/// An offset passes rows over, after the cursor.
pub async fn an_offset_passes_rows_over(fixture: &Fixture) {
    let mut ids = all_stored(fixture, (0..5).map(|_| event("user.signup")).collect()).await;
    ids.reverse();
    let asked = async |offset: usize, cursor: Option<i64>| {
        let page = PageRequest { limit: 2, offset, cursor };
        let page = works(fixture.history.timeline(TimelineQuery { page, ..Default::default() }).await);
        (page.items.iter().map(|it| it.event.event_id).collect::<Vec<_>>(), page.next)
    };
    let (first, cursor) = asked(1, None).await;
    assert_eq!((first, cursor.is_some()), (ids[1..3].to_vec(), true));
    assert_eq!(asked(1, cursor).await, (ids[4..].to_vec(), None));
    assert_eq!(asked(9, None).await, (vec![], None));
}

/// The timeline shows progress as the event itself does.
pub async fn the_timeline_shows_progress(fixture: &Fixture) {
    let stored = fixture.routed(event("user.signup"), vec![]).await;
    let page = works(fixture.history.timeline(TimelineQuery::default()).await);
    assert_eq!(page.items, [fixture.detail(stored.event.event_id).await]);
}
