//! Who may open a file, and what is done to it.

use std::{os::unix::fs::PermissionsExt, process};

use events_core::EventStore;
use events_sqlite::{OpenError, SqliteStore};

use crate::support::{Place, events, log};

#[tokio::test]
async fn a_second_store_on_the_same_file_is_refused() {
    let place = Place::new().await;
    let refused = SqliteStore::open(place.file("events.db")).await.unwrap_err();
    let message = refused.to_string();
    assert!(message.contains("events.db is in use by process "), "{message}");
    assert!(message.contains(&format!("process {};", process::id())), "{message}");
    assert!(message.ends_with("one process at a time can have it: stop that one, or name another file"), "{message}");
}

#[tokio::test]
async fn another_name_of_the_same_file_is_refused_too() {
    let place = Place::new().await;
    std::os::unix::fs::symlink(place.file("events.db"), place.file("alias.db")).unwrap();
    let refused = SqliteStore::open(place.file("alias.db")).await.unwrap_err();
    assert!(matches!(refused, OpenError::InUse { .. }), "{refused}");
}

#[tokio::test]
async fn a_closed_store_lets_go_of_its_file() {
    let place = Place::new().await;
    place.store.append(events(3)).await.unwrap();
    place.store.close().await;
    assert!(place.store.append(events(1)).await.is_err(), "it is closed");
    let copied = place.file("copy.db");
    std::fs::copy(place.file("events.db"), &copied).unwrap();
    for name in ["events.db", "copy.db"] {
        let again = SqliteStore::open(place.file(name)).await.unwrap();
        assert_eq!(log(&again).await.len(), 3, "{name} alone holds everything");
        again.close().await;
    }
}

#[tokio::test]
async fn only_the_owner_can_read_the_files() {
    let place = Place::new().await;
    place.store.append(events(1)).await.unwrap();
    for name in ["events.db", "events.db-wal", "events.db-shm", "events.db.lock"] {
        let mode = std::fs::metadata(place.file(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[tokio::test]
async fn the_schema_of_a_newer_program_is_refused() {
    let place = Place::new().await;
    place.store.close().await;
    let newer = "INSERT INTO events_migrations (version, description, success, checksum, execution_time)
                 VALUES (99, 'from the future', true, x'00', 0)";
    sqlx::query(newer).execute(&mut place.connection().await).await.unwrap();
    let message = SqliteStore::open(place.file("events.db")).await.unwrap_err().to_string();
    assert!(message.contains("events.db has schema version 99, this program knows versions up to 7"), "{message}");
}

#[tokio::test]
async fn what_is_no_database_is_refused_by_name() {
    let place = Place::new().await;
    std::fs::write(place.file("notes.txt"), "not a database, but long enough to look like one ".repeat(100)).unwrap();
    let refused = SqliteStore::open(place.file("notes.txt")).await.unwrap_err();
    assert!(refused.to_string().ends_with("notes.txt as a database"), "{refused}");
    let refused = SqliteStore::open(place.file("nowhere/events.db")).await.unwrap_err();
    assert!(refused.to_string().ends_with("nowhere/events.db"), "{refused}");
}
