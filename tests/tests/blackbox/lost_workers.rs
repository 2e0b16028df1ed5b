//! A worker that dies during a delivery: another takes over within the lease and the rescue scan.

use std::time::{Duration, Instant};

use events_tests::{Home, PATIENCE, Receiver, Reply, eventually, numbered};

const CHANNELS: usize = 3;
/// The Slack handler's timeout and what it takes to settle.
const LEASE: Duration = Duration::from_secs(25);
/// Between looks for leases that ended.
const RESCUE: Duration = Duration::from_secs(5);
/// What a busy machine adds to a promise.
const MARGIN: Duration = Duration::from_secs(2);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delivery_cut_off_by_a_kill_is_run_again_after_its_lease() {
    let receiver = Receiver::start().await;
    receiver.answer_all(Reply::Hold);
    let home = Home::new(&receiver.slack(CHANNELS));
    let server = home.start().await;
    for channel in 0..CHANNELS {
        server.api().publish(&numbered(channel, u64::try_from(channel).unwrap())).await;
    }
    eventually("the messages to be on their way", PATIENCE, async || {
        (receiver.ledger().0.len() == CHANNELS).then_some(())
    })
    .await;
    server.kill();
    receiver.answer_all(Reply::Ok);

    let starting = Instant::now();
    let server = home.start().await;
    let bound = LEASE + RESCUE + starting.elapsed() + MARGIN;
    let api = server.api();
    api.all_processed(bound).await;

    let ledger = receiver.ledger();
    assert_eq!(ledger.accepted(), (0..3).map(|number| (number, 1)).collect());
    let deliveries = api.deliveries("succeeded").await;
    assert_eq!(deliveries.len(), CHANNELS);
    for delivery in &deliveries {
        let attempts = api.attempts(delivery).await;
        let outcomes: Vec<_> = attempts.iter().map(|attempt| attempt["outcome"].as_str().unwrap()).collect();
        assert_eq!(outcomes, ["lost", "done"]);
        assert_eq!(attempts.iter().filter(|attempt| attempt["final"] == true).count(), 1);
    }
    for state in ["pending", "leased", "dead", "dropped"] {
        assert!(api.deliveries(state).await.is_empty(), "{state}");
    }
    for channel in ["c0", "c1", "c2"] {
        let messages = ledger.of(channel);
        assert_eq!(messages.len(), 2, "{channel}");
        let took = messages[1].at - messages[0].at;
        assert!(took <= bound, "{channel} took {took:?}");
        println!("#{channel} was told again {took:?} after the first try; the bound is {bound:?}");
    }
}
