//! Many clients with the same idempotency keys: each key names one event.

use std::{
    collections::{HashMap, HashSet},
    time::Instant,
};

use events_tests::{Home, Store, numbered, on_each_store};
use tokio::task::JoinSet;

on_each_store! {
    two_thousand_publishes_with_five_hundred_keys_are_five_hundred_events,
}

const CLIENTS: u64 = 64;
const KEYS: u64 = 500;
const PUBLISHES: u64 = 2_000;

async fn two_thousand_publishes_with_five_hundred_keys_are_five_hundred_events(store: Store) {
    let home = Home::on(&store, "");
    let server = home.start().await;
    let started = Instant::now();
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        let api = server.api();
        clients.spawn(async move {
            let mut answers = Vec::new();
            for publish in (client..PUBLISHES).step_by(usize::try_from(CLIENTS).unwrap()) {
                let key = publish % KEYS;
                let answer = api.try_publish(&numbered(0, key)).await.unwrap();
                answers.push((key, answer.status, answer.body["event_id"].as_str().unwrap().to_owned()));
            }
            answers
        });
    }
    let answers = clients.join_all().await.concat();
    let took = started.elapsed();
    let (mut ids, mut created) = (HashMap::<u64, HashSet<String>>::new(), 0);
    for (key, status, id) in answers {
        assert!([200, 201].contains(&status), "{status}");
        created += usize::from(status == 201);
        ids.entry(key).or_default().insert(id);
    }
    assert_eq!(created, 500, "one caller for each key made the event");
    assert!(ids.values().all(|ids| ids.len() == 1), "all callers of a key got the same event");
    assert_eq!(server.api().events().await.len(), 500);

    // The same key with other content is a conflict, and stores nothing.
    let mut other = numbered(0, 7);
    other["payload"]["n"] = 8.into();
    let answer = server.api().try_publish(&other).await.unwrap();
    assert_eq!((answer.status, &answer.body["errors"][0]["field"]), (409, &"idempotency_key".into()));
    server.kill();
    let server = home.start().await;
    assert_eq!(server.api().try_publish(&numbered(0, 7)).await.unwrap().status, 200, "keys survive a kill");
    assert_eq!(server.api().events().await.len(), 500);
    println!("{PUBLISHES} publishes by {CLIENTS} clients in {took:?}: {created} events, the rest were duplicates");
}
