//! SIGTERM: what is under way is finished, what is not begun goes back, and nothing is sent twice.

use std::time::{Duration, Instant};

use events_tests::{Api, Home, PATIENCE, Receiver, Reply, Server, Store, batch, eventually, on_each_store};

on_each_store! {
    deliveries_in_flight_are_finished_and_not_sent_again,
    a_server_without_clients_stops_in_order_too,
}

/// Channels with two events each: the first is under way, the second is claimed and waits for it.
const CHANNELS: usize = 50;
const DELIVERIES: u64 = 2 * CHANNELS as u64;
/// A lease, the rescue scan, and a busy machine.
const TAKEN_OVER: Duration = Duration::from_secs(25 + 5 + 2);
/// How long after its grace a server may need to end.
const MARGIN: Duration = Duration::from_secs(2);

/// Publishes two events for each channel and waits until all are claimed and half of them held.
async fn fill(receiver: &Receiver, api: &Api) {
    receiver.answer_all(Reply::Hold);
    let answer = api.try_publish(&batch(CHANNELS, 0..DELIVERIES)).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.body);
    eventually("all deliveries to be in flight", PATIENCE, async || {
        let leased = api.health().await["depth"]["leased"] == DELIVERIES;
        (leased && receiver.ledger().0.len() == CHANNELS).then_some(())
    })
    .await;
}

/// Asks a server to stop, and waits until it has noticed.
async fn terminate(home: &Home, server: &Server) {
    server.terminate();
    eventually("the server to notice", PATIENCE, async || home.log().has("Stopping").then_some(())).await;
}

async fn outcomes(api: &Api) -> Vec<String> {
    let mut all = Vec::new();
    for delivery in api.deliveries("succeeded").await {
        let attempts = api.attempts(&delivery).await;
        let outcomes: Vec<_> = attempts.iter().map(|attempt| attempt["outcome"].as_str().unwrap()).collect();
        all.push(outcomes.join(" "));
    }
    all
}

async fn deliveries_in_flight_are_finished_and_not_sent_again(store: Store) {
    let receiver = Receiver::start().await;
    let home = Home::on(&store, &receiver.slack(CHANNELS));
    let server = home.start().await;
    fill(&receiver, &server.api()).await;

    terminate(&home, &server).await;
    let released = Instant::now();
    receiver.answer_all(Reply::Ok);
    receiver.release();
    let status = server.ended(Duration::from_secs(20)).await;
    let took = released.elapsed();
    assert_eq!(status.code(), Some(0));
    assert!(home.log().has("Stopped"), "{}", home.log().text());
    let finished = receiver.ledger().accepted().len();
    assert!(finished >= CHANNELS, "what was under way was finished, but {finished} were accepted");

    let server = home.start().await;
    server.api().all_processed(PATIENCE).await;
    assert_eq!(receiver.ledger().not_once(0..DELIVERIES), [], "each is told once");
    assert_eq!(outcomes(&server.api()).await, vec!["done"; 2 * CHANNELS], "no attempt was lost");
    println!(
        "ended {took:?} after the release: {finished} finished, {} handed back, 0 sent twice",
        2 * CHANNELS - finished
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_that_never_answers_holds_a_server_for_its_grace_only() {
    const GRACE: Duration = Duration::from_secs(2);
    let receiver = Receiver::start().await;
    let home = Home::new(&format!("[server]\nshutdown_grace_seconds = 2\n\n{}", receiver.slack(CHANNELS)));
    let server = home.start().await;
    fill(&receiver, &server.api()).await;

    terminate(&home, &server).await;
    let stopping = Instant::now();
    let status = server.ended(GRACE + MARGIN).await;
    let took = stopping.elapsed();
    assert_eq!(status.code(), Some(0));
    assert!(home.log().has("are left to their leases"), "{}", home.log().text());
    receiver.answer_all(Reply::Ok);

    let server = home.start().await;
    server.api().all_processed(TAKEN_OVER).await;
    assert_eq!(receiver.ledger().not_once(0..DELIVERIES), []);
    let mut outcomes = outcomes(&server.api()).await;
    outcomes.sort();
    let expected = [vec!["done"; CHANNELS], vec!["lost done"; CHANNELS]].concat();
    assert_eq!(outcomes, expected, "what was not begun was handed back, the rest ran again");
    println!("ended {took:?} after SIGTERM with a grace of {GRACE:?}; {CHANNELS} ran again, 0 lost");
}

/// Stopping waits for deliveries whether or not anybody is connected to the API.
async fn a_server_without_clients_stops_in_order_too(store: Store) {
    const ROUNDS: usize = 8;
    let receiver = Receiver::start().await;
    for round in 0..ROUNDS {
        receiver.answer_all(Reply::Hold);
        let home = Home::on(&store, &receiver.slack(1));
        let server = home.start().await;
        let _ = home.cli(&server, &["emit", "test.c0", &format!("n={round}")]).ok();
        eventually("the message", PATIENCE, async || (receiver.ledger().0.len() == round + 1).then_some(())).await;
        terminate(&home, &server).await;
        receiver.release();
        assert_eq!(server.ended(PATIENCE).await.code(), Some(0));
        assert!(home.log().has("Stopped"), "{}", home.log().text());
        assert_eq!(receiver.ledger().accepted().len(), round + 1, "the message was finished");
    }
}
