//! Two processes both believe that they lead: what they keep tidy, they tidy twice, and nothing breaks.

use std::time::Instant;

use events_tests::{Load, PATIENCE, Store, eventually, reconcile};
use sqlx::Executor;

use super::{CHANNELS, PUBLISHERS, cluster_with, session, through};

const ROUNDS: usize = 4;
/// More than several batches of what is removed at once.
const OLD_KEYS: i64 = 3_000;

/// Gives the lead to everybody who asks, and takes note of who did.
const ANARCHY: &str = "
    CREATE TABLE led (leader text NOT NULL, at timestamptz NOT NULL DEFAULT clock_timestamp());
    CREATE FUNCTION everybody_leads() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
    BEGIN
        DELETE FROM leases;
        INSERT INTO led (leader) VALUES (NEW.leader);
        RETURN NEW;
    END
    $$;
    CREATE TRIGGER everybody_leads BEFORE INSERT ON leases FOR EACH ROW EXECUTE FUNCTION everybody_leads();
";

with_and_without_broker!(two_leaders_at_once_break_nothing);

async fn two_leaders_at_once_break_nothing(broker: Option<String>) {
    let Some(store) = Store::postgres() else { return };
    let (mut cluster, receiver) = cluster_with(&store, broker.as_deref()).await;
    let mut operator = session(&store).await;
    operator.execute(ANARCHY).await.unwrap();
    let load = Load::start(cluster.api(), PUBLISHERS, CHANNELS);
    let started = Instant::now();
    for round in 0..ROUNDS {
        // A leader prunes when it starts, so both do at once.
        tokio::join!(load.more(50), async {
            cluster.stop_worker(0).await;
            cluster.stop_worker(1).await;
        });
        let old = "INSERT INTO event_keys (organization_id, idempotency_key, seq, created_at)
                   SELECT 'old', $1::text || '-' || key, 1, now() - interval '30 days' FROM generate_series(1, $2) AS key";
        sqlx::query(old).bind(round.to_string()).bind(OLD_KEYS).execute(&mut operator).await.unwrap();
        cluster.start_workers().await;
        eventually("what is old to be removed", PATIENCE, async || {
            let query = "SELECT count(*) FROM event_keys WHERE organization_id = 'old'";
            let (left,): (i64,) = sqlx::query_as(query).fetch_one(&mut operator).await.unwrap();
            (left == 0).then_some(())
        })
        .await;
    }
    let took = started.elapsed();
    let published = load.end().await;
    let found = reconcile(&cluster.api(), &receiver, &published, PATIENCE).await;
    let query = "SELECT count(DISTINCT leader) FROM led";
    let (leaders,): (i64,) = sqlx::query_as(query).fetch_one(&mut operator).await.unwrap();
    assert_eq!(usize::try_from(leaders).unwrap(), 2 * ROUNDS, "every process led");
    assert_eq!((published.failed, found.duplicates.len()), (0, 0), "{found:?}");
    let refused = cluster.logged("Failed to prune");
    println!(
        "{}: {leaders} leaders in {ROUNDS} pairs in {took:?}, {refused} prunings were put off: {found}",
        through(broker.as_deref())
    );
}
