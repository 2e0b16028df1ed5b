//! A target that is slow, with a pile of messages waiting for it, delays nobody else.

use std::time::{Duration, Instant};

use events_tests::{Home, PATIENCE, Receiver, Reply, Store, batch, eventually, numbered, on_each_store};

on_each_store! {
    a_slow_target_with_a_pile_of_messages_delays_nobody_else,
}

/// Events that wait for the slow target, fifty to a digest.
const PILE: u64 = 1_000;
/// Digests under way to it: its burst, and then one a second.
const CALLS: usize = 6;
/// A call is given up after ten seconds; everybody else has been told long before the first is.
const SOON: Duration = Duration::from_secs(4);

async fn a_slow_target_with_a_pile_of_messages_delays_nobody_else(store: Store) {
    let receiver = Receiver::start().await;
    receiver.answer("c0", Reply::Hold);
    let home = Home::on(&store, &receiver.slack(5));
    let server = home.start().await;
    let api = server.api();
    let answer = api.try_publish(&batch(1, 0..PILE)).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.body);
    eventually("messages to the slow target", PATIENCE, async || {
        (receiver.ledger().of("c0").len() == CALLS).then_some(())
    })
    .await;

    let published = Instant::now();
    for channel in 1..5 {
        api.publish(&numbered(channel, PILE + u64::try_from(channel).unwrap())).await;
    }
    eventually("everybody else to be told", SOON, async || (receiver.ledger().accepted().len() == 4).then_some(()))
        .await;
    println!("4 channels were told within {:?} while {CALLS} calls to another hung", published.elapsed());
    assert_eq!(receiver.ledger().not_once(PILE + 1..PILE + 5), []);
    receiver.answer("c0", Reply::Ok);
    receiver.release();
    api.all_processed(PATIENCE).await;
    assert_eq!(api.deliveries("succeeded").await.len() as u64, PILE + 4, "and the pile is told in the end");
}
