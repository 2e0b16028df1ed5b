//! A session that has stored an event and does not commit holds up nobody, and its event is not overlooked.

use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader},
    process::Stdio,
    sync::{Arc, Mutex},
};

use events_tests::{PATIENCE, Store, eventually, numbered};
use serde_json::Value;
use sqlx::{Connection, Executor};

use super::{CHANNELS, cluster_with, session, through};

/// Events before the session's own, and after.
const EACH: u64 = 100;

with_and_without_broker!(an_idle_transaction_delays_nobody_and_nobody_overlooks_its_event);

async fn an_idle_transaction_delays_nobody_and_nobody_overlooks_its_event(broker: Option<String>) {
    let Some(store) = Store::postgres() else { return };
    let (cluster, receiver) = cluster_with(&store, broker.as_deref()).await;
    let api = cluster.api();
    let mut tail = cluster.api_home().command(&["--json", "tail", "-n", "0"]);
    tail.env("EVENTS_URL", api.url());
    let mut tail = tail.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let tailed = Arc::new(Mutex::new(Vec::<u64>::new()));
    let (stdout, lines) = (BufReader::new(tail.stdout.take().unwrap()), tailed.clone());
    let reading = std::thread::spawn(move || {
        for line in stdout.lines().map_while(Result::ok) {
            let event: Value = serde_json::from_str(&line).unwrap();
            lines.lock().unwrap().extend(event["payload"]["n"].as_u64());
        }
    });
    let tailed = || tailed.lock().unwrap().clone();
    let publish = async |numbers: std::ops::Range<u64>| {
        for number in numbers {
            api.publish(&numbered(usize::try_from(number).unwrap() % CHANNELS, number)).await;
        }
    };
    // Whatever was published before `tail` looked for the first time is not for it.
    let mut probes = EACH * 10..;
    eventually("tail to follow", PATIENCE, async || {
        let probe = probes.next().unwrap();
        publish(probe..probe + 1).await;
        (!tailed().is_empty()).then_some(())
    })
    .await;

    publish(0..EACH).await;
    let mut holder = session(&store).await;
    let mut transaction = holder.begin().await.unwrap();
    transaction.execute("INSERT INTO events (event_type, payload) VALUES ('test.c0', '{\"n\": 100}')").await.unwrap();
    publish(EACH + 1..2 * EACH).await;
    let others: BTreeSet<u64> = (0..2 * EACH).filter(|number| *number != EACH).collect();
    eventually("the others to be told", PATIENCE, async || {
        let told = receiver.ledger().accepted();
        others.iter().all(|number| told.contains_key(number)).then_some(())
    })
    .await;
    assert!(!receiver.ledger().accepted().contains_key(&EACH), "it is not committed");
    let before = tailed();

    transaction.commit().await.unwrap();
    eventually("its event to be told", PATIENCE, async || {
        receiver.ledger().accepted().contains_key(&EACH).then_some(())
    })
    .await;
    eventually("tail to have seen everything", PATIENCE, async || {
        let seen: BTreeSet<u64> = tailed().into_iter().collect();
        (0..2 * EACH).all(|number| seen.contains(&number)).then_some(())
    })
    .await;
    tail.kill().unwrap();
    tail.wait().unwrap();
    reading.join().unwrap();
    let seen = tailed();
    assert_eq!(seen.len(), seen.iter().collect::<BTreeSet<_>>().len(), "tail shows each event once");
    api.all_processed(PATIENCE).await;
    assert_eq!(receiver.ledger().not_once(0..2 * EACH), []);
    let waited = before.iter().filter(|number| **number > EACH && **number < 2 * EACH).count();
    println!(
        "{}: while a session held its event back, {} others were published and told, {waited} of the {} after it were shown by tail; \
         0 were overlooked, 0 told twice",
        through(broker.as_deref()),
        others.len(),
        EACH - 1
    );
}
