//! Rows that do not hold what they should.

use events_core::{EventHistory, EventStore, StoreError, ports::TimelineQuery};

use crate::support::{Place, events};

#[tokio::test]
async fn an_unreadable_value_is_named_by_table_column_and_row() {
    let place = Place::new().await;
    place.store.append(events(3)).await.unwrap();
    sqlx::raw_sql(
        "DROP TRIGGER events_never_change;
         PRAGMA ignore_check_constraints = true;
         UPDATE events SET event_type = 'No such type' WHERE seq = 2",
    )
    .execute(&mut place.connection().await)
    .await
    .unwrap();
    let error = place.store.timeline(TimelineQuery::default()).await.unwrap_err();
    assert!(matches!(error, StoreError::Corrupt(_)), "{error:?}");
    let message = error.to_string();
    assert!(message.contains("events.event_type of the row with seq 2: `No such type`"), "{message}");
}
