//! Many who want to lead at the same moment.

use std::time::Duration;

use events_core::{ports::Leadership, testkit::at};

use crate::support::Place;

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
