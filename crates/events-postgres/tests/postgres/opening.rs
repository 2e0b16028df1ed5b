//! Opening: the schema is made once, by whoever may, and looked at before it is used.

use events_core::EventStore;
use events_postgres::{OpenError, PgConnection, PgOptions, PgStore};
use sqlx::{AssertSqlSafe, Connection, Executor};
use tokio::task::JoinSet;

use crate::support::{Database, Place, Schema, events, log, url};

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_start_at_the_same_time_make_one_schema() {
    let schema = Schema::new();
    let mut starting = JoinSet::new();
    for _ in 0..6 {
        let options = schema.options();
        starting.spawn(async move { PgStore::open_with(options).await.unwrap() });
    }
    let stores = starting.join_all().await;
    stores[0].append(events(1)).await.unwrap();
    assert_eq!(log(&stores[5]).await.len(), 1);
}

#[tokio::test]
async fn what_was_stored_is_there_when_it_is_opened_again() {
    let place = Place::new().await;
    place.store.append(events(2)).await.unwrap();
    place.store.close().await;
    let store = place.schema.open().await;
    assert_eq!(log(&store).await.len(), 2);
    assert_eq!(store.schema_version(), 10);
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    let place = Place::new().await;
    let newer = "INSERT INTO events_migrations (version, description, success, checksum, execution_time)
                 VALUES (99, 'from the future', true, '', 0)";
    place.connection().await.execute(newer).await.unwrap();
    let refused = PgStore::open_with(place.schema.options()).await.unwrap_err();
    assert!(matches!(refused, OpenError::NewerSchema { found: 99, .. }), "{refused}");
}

/// A role without any right but to use its own schema: no superuser, no `public`, no extension.
#[tokio::test]
async fn a_role_with_a_schema_of_its_own_is_enough() {
    let place = Place::new().await;
    let mut connection = place.connection().await;
    let may: bool = sqlx::query_scalar("SELECT rolcreaterole OR rolsuper FROM pg_roles WHERE rolname = current_user")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert!(may, "this test makes a role; let the role of EVENTS_TEST_POSTGRES_URL do so (ALTER ROLE … CREATEROLE)");
    let (own, role) = (Schema::new(), format!("{}_role", place.store.schema()));
    let make = format!(
        "CREATE ROLE {role} LOGIN PASSWORD 'secret'; GRANT {role} TO CURRENT_USER;
         CREATE SCHEMA {} AUTHORIZATION {role}; REVOKE ALL ON SCHEMA public FROM {role};",
        own.0
    );
    connection.execute(AssertSqlSafe(make)).await.unwrap();
    let connect = url().parse::<events_postgres::PgConnectOptions>().unwrap().username(&role).password("secret");
    let options = PgOptions::new(connect.clone()).schema(&own.0);
    let store = PgStore::open_with(options.clone()).await.unwrap();
    store.append(events(2)).await.unwrap();
    assert_eq!((log(&store).await.len(), store.unrouted(10).await.unwrap().events.len()), (2, 2));
    let health = store.health().await.unwrap();
    assert!(!health.sees_all_roles, "what others do is hidden from it, and it knows");
    assert!(health.connections.0 > 1, "the connections of all are counted all the same: {health:?}");
    drop(PgStore::open_with(options).await.unwrap());
    // Its search path names the schema as well.
    let by_path = PgOptions::new(connect.options([("search_path", own.0.as_str())]));
    let same = PgStore::open_with(by_path).await.unwrap();
    assert_eq!((same.schema(), log(&same).await.len()), (own.0.as_str(), 2));
    store.close().await;
    same.close().await;
    drop(own);
    connection.execute(AssertSqlSafe(format!("DROP ROLE {role}"))).await.unwrap();
}

/// It would be made with that whole name, beside the tables that are looked for.
#[tokio::test]
async fn a_search_path_is_no_schema_unless_it_is_quoted() {
    let (one, other) = (Schema::new(), Schema::new());
    let options = url().parse::<PgOptions>().unwrap();
    let several = format!("{},{}", one.0, other.0);
    let refused = PgStore::open_with(options.clone().schema(&several)).await.unwrap_err();
    assert!(matches!(&refused, OpenError::NotOneSchema { found, .. } if *found == several), "{refused}");
    assert!(refused.to_string().starts_with("PgOptions::schema has to name one schema"), "{refused}");
    let separator = if url().contains('?') { '&' } else { '?' };
    let refused = PgStore::open(&format!("{}{separator}search_path={several}", url())).await.unwrap_err();
    assert!(matches!(refused, OpenError::NotOneSchema { .. }), "{refused}");
    let mut connection = one.connection().await;
    let made = "SELECT count(*) FROM pg_namespace WHERE position($1 in nspname) > 0";
    let made: i64 = sqlx::query_scalar(made).bind(&one.0).fetch_one(&mut connection).await.unwrap();
    assert_eq!(made, 0, "nothing was made");
    let store = PgStore::open_with(options.schema(format!("\"{several}\""))).await.unwrap();
    store.append(events(1)).await.unwrap();
    assert_eq!((store.schema(), log(&store).await.len()), (several.as_str(), 1));
    store.close().await;
    connection.execute(AssertSqlSafe(format!("DROP SCHEMA \"{several}\" CASCADE"))).await.unwrap();
}

#[tokio::test]
async fn nobody_there_is_told_without_the_password() {
    let refused = PgStore::open("postgres://me:hunter2@127.0.0.1:1/nowhere").await.unwrap_err();
    assert!(matches!(refused, OpenError::Database { .. }));
    let told = format!("{refused} {refused:?}");
    assert!(told.contains("nowhere") && !told.contains("hunter2"), "{told}");
}

#[tokio::test]
async fn the_server_says_how_it_is() {
    let place = Place::new().await;
    let health = place.store.health().await.unwrap();
    assert!(health.server_version.split('.').next().unwrap().parse::<u32>().unwrap() >= 13);
    assert!(!health.is_standby && health.connections.0 > 0 && health.connections.1 > 0, "{health:?}");
    assert!(!health.synchronous_commit.is_empty());
}

/// Wherever it is set, for the role or in postgresql.conf, a session begins with it.
#[tokio::test]
async fn a_server_that_commits_without_waiting_is_seen_although_the_store_waits() {
    let schema = Schema::new();
    let connect = url().parse::<events_postgres::PgConnectOptions>().unwrap();
    let hasty = connect.options([("synchronous_commit", "off")]);
    let store = PgStore::open_with(PgOptions::new(hasty).schema(&schema.0)).await.unwrap();
    assert_eq!(store.health().await.unwrap().synchronous_commit, "off");
    store.close().await;
}

/// In a database of its own, since the transactions of a whole database are looked at.
#[tokio::test]
async fn the_oldest_transaction_is_told_with_who_has_it() {
    let database = Database::new().await;
    let store = PgStore::open(&format!("{}?schema=events", database.url)).await.unwrap();
    let connect = database.url.parse::<events_postgres::PgConnectOptions>().unwrap();
    let mut billing = PgConnection::connect_with(&connect.clone().application_name("billing")).await.unwrap();
    let mut younger = PgConnection::connect_with(&connect.application_name("younger")).await.unwrap();
    let mut oldest = billing.begin().await.unwrap();
    oldest.execute("SELECT pg_sleep(0.002)").await.unwrap(); // so that it is some milliseconds old
    let mut transaction = younger.begin().await.unwrap();
    transaction.execute("SELECT").await.unwrap();
    let health = store.health().await.unwrap();
    assert_eq!(health.oldest_transaction_of.as_deref(), Some("billing"));
    assert!(health.oldest_transaction.as_millis() > 0 && health.sees_all_roles, "{health:?}");
    oldest.rollback().await.unwrap();
    let health = store.health().await.unwrap();
    assert_eq!(health.oldest_transaction_of.as_deref(), Some("younger"));
    transaction.rollback().await.unwrap();
    store.close().await;
}
