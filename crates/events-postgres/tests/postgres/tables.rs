//! Tables as they lie in the database: what only PostgreSQL reads, and nothing else would miss.

use events_core::{EventStore, ports::PruneRequest};
use events_postgres::PgConnection;
use jiff::Timestamp;

use crate::{
    partitions::{BLOCK, go_on_at, partitions},
    support::{Place, events},
};

/// The options of tables and indexes, as `name: option, option`, of those that have any.
async fn options(place: &Place, kinds: &str) -> Vec<String> {
    let text = "SELECT relname || ': ' || array_to_string(reloptions, ', ')
                FROM pg_class
                WHERE relnamespace = current_schema()::regnamespace AND relkind::text = ANY (string_to_array($1, NULL))
                    AND NOT relispartition AND reloptions IS NOT NULL
                ORDER BY relname";
    sqlx::query_scalar(text).bind(kinds).fetch_all(&mut place.connection().await).await.unwrap()
}

/// Rows of these come and go by the second. With the defaults of the server, a fifth of a table is dead before anybody
/// cleans up, and then slowly; claims and routing would read all of it.
#[tokio::test]
async fn tables_whose_rows_come_and_go_are_cleaned_up_soon_and_quickly() {
    let place = Place::new().await;
    let expected = [
        "attempt_counts: fillfactor=70",
        "claims: autovacuum_vacuum_scale_factor=0, autovacuum_vacuum_threshold=2000, autovacuum_vacuum_cost_delay=0",
        "counts_position: fillfactor=20",
        "deliveries: autovacuum_vacuum_scale_factor=0.02, autovacuum_vacuum_threshold=5000, \
         autovacuum_vacuum_cost_delay=0, autovacuum_analyze_scale_factor=0.05, autovacuum_analyze_threshold=5000, \
         fillfactor=40",
        "event_counts: fillfactor=70",
        "outbox: autovacuum_vacuum_scale_factor=0, autovacuum_vacuum_threshold=5000, autovacuum_vacuum_cost_delay=0, \
         autovacuum_analyze_scale_factor=0, autovacuum_analyze_threshold=10000",
        "routes_version: fillfactor=20",
        "target_states: fillfactor=50, autovacuum_vacuum_scale_factor=0.05, autovacuum_vacuum_threshold=500, \
         autovacuum_vacuum_cost_delay=0",
    ];
    assert_eq!(options(&place, "r").await, expected);
}

/// Ranges are summarized as they are filled; else a reader of the newest would look at all that is not summarized.
#[tokio::test]
async fn summaries_of_times_are_fine_and_made_at_once() {
    let place = Place::new().await;
    let expected =
        ["idx_attempts_created_at: pages_per_range=32, autosummarize=on", "idx_created_at: pages_per_range=32"];
    assert_eq!(options(&place, "I").await, expected);
}

/// A claim reads its list of deliveries from the row itself, and not from a second table.
#[tokio::test]
async fn the_deliveries_of_a_claim_lie_in_its_row() {
    let place = Place::new().await;
    let text =
        "SELECT attstorage::text FROM pg_attribute WHERE attrelid = 'claims'::regclass AND attname = 'deliveries'";
    let storage: String = sqlx::query_scalar(text).fetch_one(&mut place.connection().await).await.unwrap();
    assert_eq!(storage, "m");
}

/// What belongs to a partition, in the words of the table that it is one of.
async fn belongings(place: &Place, partition: &str) -> Vec<String> {
    belongings_seen_by(&mut place.connection().await, partition).await
}

pub(crate) async fn belongings_seen_by(connection: &mut PgConnection, partition: &str) -> Vec<String> {
    let text = "
        SELECT 'column ' || attname || ' ' || format_type(atttypid, atttypmod) || ' ' || attstorage::text
            || CASE WHEN attnotnull THEN ' NOT NULL' ELSE '' END
            || coalesce(' DEFAULT ' || pg_get_expr(adbin, adrelid), '')
        FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
        WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped
        UNION ALL
        SELECT 'constraint ' || conname || ' ' || pg_get_constraintdef(oid)
        FROM pg_constraint
        WHERE conrelid = $1::text::regclass AND contype = 'c'
        UNION ALL
        SELECT 'trigger ' || tgname || ' ' || tgenabled::text || ' ' || tgtype || ' ' || tgfoid::regproc
            || coalesce(' ' || tgnewtable, '')
        FROM pg_trigger
        WHERE tgrelid = $1::text::regclass AND NOT (tgisinternal AND tgparentid = 0)
        UNION ALL
        SELECT 'index ' || inhparent::regclass || coalesce(' ' || array_to_string(reloptions, ', '), '')
        FROM pg_index JOIN pg_inherits ON inhrelid = indexrelid JOIN pg_class ON pg_class.oid = indexrelid
        WHERE indrelid = $1::text::regclass AND indisvalid
        UNION ALL
        SELECT 'options ' || array_to_string(reloptions, ', ')
        FROM pg_class
        WHERE oid = $1::text::regclass AND reloptions IS NOT NULL
        ORDER BY 1";
    sqlx::query_scalar(text).bind(partition).fetch_all(connection).await.unwrap()
}

/// Those that are made when the schema is, and those that maintenance makes.
#[tokio::test]
async fn each_partition_has_what_the_first_one_has() {
    let place = Place::new().await;
    go_on_at(&place, BLOCK + 1).await;
    place.store.append(events(1)).await.unwrap();
    let long_ago = Timestamp::MIN;
    let request =
        PruneRequest { attempts_before: long_ago, dead_letters_before: long_ago, keys_before: long_ago, limit: 1 };
    place.store.prune(request).await.unwrap();
    for (table, least) in [("events", 4), ("attempts", 4)] {
        let first = belongings(&place, &format!("{table}_default")).await;
        for kind in ["column", "trigger", "index"] {
            assert!(first.iter().any(|thing| thing.starts_with(kind)), "{table} has a {kind}: {first:#?}");
        }
        let all = partitions(&place, table).await;
        assert!(all.len() >= least, "{all:?}");
        for partition in all {
            assert_eq!(belongings(&place, &partition).await, first, "{partition}");
        }
    }
}
