//! Recovering after an outage: what failed comes, what arrived does not come again, whoever is killed meanwhile.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use events_tests::{Api, Conduct, Deployment, Endpoint, PATIENCE, Size, eventually, on_each_size};
use jiff::Timestamp;
use serde_json::{Value, json};
use sqlx::{
    ConnectOptions, Row,
    postgres::{PgConnectOptions, PgConnection},
};

use super::{all_are, count, number, path, post, publish_all, subscribe_with, system};

on_each_size! {
    an_outage_is_recovered_and_nothing_else_comes_again,
    a_recovery_survives_the_process_that_makes_it,
}

const EVENTS: u64 = 2_000;
const FAILED: usize = 1_500;
/// A job that takes some seconds, so that it can be killed in the middle.
const IN_THE_JOB: u64 = 600;
const RATE: u64 = 100;
/// The term of the process that made the steps, the lease of what it sent, and room for a slow machine.
const BOUND: Duration = Duration::from_secs(15 + 17 + 5 + 30);

/// How often each event arrived from this call on.
fn arrived(endpoint: &Endpoint, from: usize) -> BTreeMap<u64, usize> {
    let mut arrived = BTreeMap::new();
    for call in &endpoint.calls("/")[from..] {
        *arrived.entry(number(&call.body)).or_default() += 1;
    }
    arrived
}

/// A subscription all of whose failed deliveries are dead after a second try.
async fn fragile(api: &Api, endpoint: &Endpoint) -> Value {
    let fields = json!({ "url": endpoint.url("/"), "events": ["test.numbered"], "retry_seconds": [1] });
    subscribe_with(api, fields).await
}

async fn progress(api: &Api, job: &Value) -> Value {
    api.get(&format!("/api/v1/replays/{}", job["replay_id"].as_str().unwrap())).await
}

async fn done(api: &Api, job: &Value) -> Value {
    eventually("the job to end", BOUND, async || {
        let job = progress(api, job).await;
        (job["state"] != "running").then_some(job)
    })
    .await
}

async fn an_outage_is_recovered_and_nothing_else_comes_again(size: Size) {
    let endpoint = Endpoint::start().await;
    let system = system(&size, &[]).await;
    let api = system.api();
    let began = Timestamp::now();
    endpoint.decide("/", |call| Conduct::status(if number(&call.body).is_multiple_of(4) { 200 } else { 404 }, ""));
    let subscription = fragile(&api, &endpoint).await;
    let started = Instant::now();
    publish_all(&api, "test.numbered", 0..EVENTS).await;
    all_are(&api, &subscription, "dead", FAILED).await;
    let outage = started.elapsed();
    assert_eq!(count(&api, &subscription, "succeeded").await as u64, EVENTS - FAILED as u64);
    let before = endpoint.calls("/").len();
    assert_eq!(before as u64, EVENTS + FAILED as u64, "a try each, and a second one of those that failed");

    endpoint.decide("/", |_| Conduct::status(200, ""));
    let recover = path(&subscription, "/recover");
    let preview = post(&api, &recover, &json!({ "since": began, "dry_run": true })).await;
    assert_eq!(preview, json!({ "dry_run": true, "count": FAILED, "more": false }));
    assert_eq!(endpoint.calls("/").len(), before, "counting sends nothing");
    let started = Instant::now();
    let job = post(&api, &recover, &json!({ "since": began, "rate": 1_000 })).await;
    assert_eq!((&job["state"], &job["total"]), (&json!("running"), &json!(FAILED)), "{job}");
    let mut looks = Vec::new();
    let ended = eventually("the job to end", 2 * PATIENCE, async || {
        let job = progress(&api, &job).await;
        looks.push(job["progress"].as_f64().unwrap());
        (job["state"] != "running").then_some(job)
    })
    .await;
    assert!(looks.is_sorted() && looks.last() == Some(&1.0), "{looks:?}");
    assert_eq!((&ended["state"], &ended["made"]), (&json!("done"), &json!(FAILED)), "{ended}");
    assert!(ended["ended_at"].is_string());
    all_are(&api, &subscription, "succeeded", usize::try_from(EVENTS).unwrap()).await;

    let expected = (0..EVENTS).filter(|number| number % 4 != 0).map(|number| (number, 1)).collect();
    assert_eq!(arrived(&endpoint, before), expected, "each that failed once, and none that had arrived");
    let again = post(&api, &recover, &json!({ "since": began, "dry_run": true })).await;
    assert_eq!(again["count"], 0, "nothing is left to recover");
    println!("{FAILED} of {EVENTS} failed in {outage:?}, and were recovered in {:?}", started.elapsed());
}

async fn a_recovery_survives_the_process_that_makes_it(size: Size) {
    let endpoint = Endpoint::start().await;
    let mut system = system(&size, &[]).await;
    let api = system.api();
    let began = Timestamp::now();
    endpoint.answer("/", [Conduct::status(404, "")]);
    let subscription = fragile(&api, &endpoint).await;
    publish_all(&api, "test.numbered", 0..IN_THE_JOB).await;
    all_are(&api, &subscription, "dead", usize::try_from(IN_THE_JOB).unwrap()).await;
    let before = endpoint.calls("/").len();

    endpoint.answer("/", [Conduct::status(200, "")]);
    let job = post(&api, &path(&subscription, "/recover"), &json!({ "since": began, "rate": RATE })).await;
    let made = eventually("the job to be on its way", PATIENCE, async || {
        let made = progress(&api, &job).await["made"].as_u64().unwrap();
        (made >= 2 * RATE).then_some(made)
    })
    .await;
    assert!(made < IN_THE_JOB, "it was over before it could be killed");
    let leader = leader(&system).await;
    system.lose_worker(leader).await;
    let killed = Instant::now();
    let api = system.api();
    let settled = count(&api, &subscription, "succeeded").await;
    let unsettled = arrived(&endpoint, before).len() - settled; // until the dead process's leases end
    let ended = done(&api, &job).await;
    assert_eq!((&ended["state"], &ended["made"]), (&json!("done"), &json!(IN_THE_JOB)), "{ended}");
    let over = killed.elapsed();
    eventually("every delivery to succeed", BOUND, async || {
        (count(&api, &subscription, "succeeded").await as u64 == IN_THE_JOB).then_some(())
    })
    .await;

    let arrived = arrived(&endpoint, before);
    assert_eq!(arrived.len() as u64, IN_THE_JOB, "all of them, and none other");
    let repeated = arrived.values().map(|count| count - 1).sum::<usize>();
    assert!(repeated <= unsettled, "{repeated} calls came twice, and {unsettled} were not settled");
    println!(
        "killed after {made} of {IN_THE_JOB}; the job ended {over:?} later, {repeated} calls repeated of {unsettled}"
    );
}

/// Which worker makes the steps of jobs.
async fn leader(system: &Deployment) -> usize {
    let Some(events_tests::Store::Postgres { database, schema }) = system.shared_store() else { return 0 };
    let options: PgConnectOptions = database.parse().unwrap();
    let mut session: PgConnection = options.options([("search_path", schema.as_str())]).connect().await.unwrap();
    let row = sqlx::query("SELECT leader FROM leases WHERE task = 'replays'").fetch_one(&mut session).await.unwrap();
    let leader: String = row.get("leader");
    let is_leader = |worker: &&events_tests::Server| leader.ends_with(&format!("-{}", worker.pid()));
    system.workers().iter().position(is_leader).unwrap_or_else(|| panic!("{leader} is no worker"))
}
