//! The lease of whoever does what one process should do.

use std::time::Duration;

use events_core::testkit::at;

use crate::support::Place;

#[tokio::test]
async fn one_leads_until_its_lease_ends() {
    let place = Place::new().await;
    let lead = |holder: &'static str, now| place.store.lead("maintenance", holder, Duration::from_secs(15), at(now));
    assert!(lead("one", 0).await.unwrap());
    assert!(!lead("other", 14).await.unwrap());
    assert!(lead("one", 14).await.unwrap(), "it keeps its own");
    assert!(!lead("other", 28).await.unwrap());
    assert!(lead("other", 29).await.unwrap());
    assert!(!lead("one", 30).await.unwrap());
    assert!(place.store.lead("another matter", "one", Duration::from_secs(1), at(30)).await.unwrap());
}

#[tokio::test]
async fn who_resigns_is_followed_at_once() {
    let place = Place::new().await;
    let lead = |holder: &'static str| place.store.lead("maintenance", holder, Duration::from_secs(15), at(0));
    assert!(lead("one").await.unwrap());
    place.store.resign("maintenance", "other").await.unwrap();
    assert!(!lead("other").await.unwrap(), "it was not its to give up");
    place.store.resign("maintenance", "one").await.unwrap();
    assert!(lead("other").await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_want_to_lead_one_does() {
    let place = std::sync::Arc::new(Place::new().await);
    let mut holders = tokio::task::JoinSet::new();
    for holder in 0..8 {
        let place = std::sync::Arc::clone(&place);
        holders.spawn(async move {
            place.store.lead("maintenance", &format!("{holder}"), Duration::from_secs(15), at(0)).await.unwrap()
        });
    }
    assert_eq!(holders.join_all().await.into_iter().filter(|leads| *leads).count(), 1);
}
