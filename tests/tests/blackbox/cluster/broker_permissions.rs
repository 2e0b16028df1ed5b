//! A broker where the system may declare nothing: it is told what is missing, and works when somebody has made it.

use events_tests::{Cluster, Home, Load, PATIENCE, Rabbit, Receiver, Store, eventually, reconcile};

use super::{
    CHANNELS, PUBLISHERS,
    broker::{Operator, exchange},
};

/// The address of the broker for a user who may write and read what belongs to an exchange, and declare it or not.
fn url_for(user: &str, may_declare: bool, rabbit: &Rabbit, exchange: &str) -> String {
    let its = format!(r"^{exchange}(\..*)?$");
    rabbit.control(&["add_user", user, "tops3cret"]).unwrap();
    rabbit.control(&["set_permissions", user, if may_declare { &its } else { "^$" }, &its, &its]).unwrap();
    rabbit.url().replace("guest:guest", &format!("{user}:tops3cret"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_declare_nothing_is_told_what_is_missing_and_works_when_it_is_there() {
    let Some(store) = Store::postgres() else { return };
    let Some(rabbit) = Rabbit::for_test() else { return };
    let exchange = exchange();
    let [maker, url] = tokio::task::block_in_place(|| {
        [url_for("maker", true, &rabbit, &exchange), url_for("modest", false, &rabbit, &exchange)]
    });
    let receiver = Receiver::start().await;
    let home = |passive: &str| {
        let home = Home::on(&store, &format!("{}\n{passive}", receiver.slack(CHANNELS)));
        home.with("AMQP_URL", &url).with("EVENTS__AMQP__EXCHANGE", &exchange)
    };
    let (declaring, passive) = (home(""), home("[amqp]\npassive = true"));

    // Nothing is there, and nothing can be made.
    let said = declaring.run(&["doctor"]).failed();
    assert!(
        said.contains(&format!("problem  RabbitMQ: the queue is unavailable: NOT_FOUND - no exchange '{exchange}'")),
        "{said}"
    );
    assert!(said.contains(&format!("access to exchange '{exchange}'")), "{said}");
    assert!(
        said.contains("grant `configure` to this user, or have it made by another and set amqp.passive = true"),
        "{said}"
    );
    let said = passive.run(&["doctor"]).failed();
    assert!(said.contains(&format!("no exchange '{exchange}'")) && !said.contains("ACCESS_REFUSED"), "{said}");
    assert!(said.contains("amqp.passive is set, so nothing is declared: have it made, or start"), "{said}");
    assert!(!said.contains("tops3cret"), "{said}");

    // Somebody makes it, here by one start as a user who may.
    let administrator = home("").with("AMQP_URL", &maker);
    let first = administrator.start_as("worker").await;
    let operator = Operator::connect(&rabbit.url(), exchange.clone()).await;
    eventually("the first worker to take word", PATIENCE, async || {
        (operator.depth("slack").await == Some((0, 1))).then_some(())
    })
    .await;
    first.stop().await;

    // What is there is used, and who tries to declare it all the same is told what to do.
    let said = declaring.run(&["doctor"]).failed(); // of other reasons
    assert!(said.contains("ok       RabbitMQ: it answers") && said.contains("set amqp.passive = true"), "{said}");
    let said = passive.run(&["doctor"]).failed();
    assert!(said.contains("ok       RabbitMQ: it answers") && said.contains("ok       queue: "), "{said}");
    assert!(!said.contains("topology"), "{said}");

    let cluster = Cluster::new(&store, Some(&url), &receiver.slack(CHANNELS));
    let mut cluster = cluster.with("EVENTS__AMQP__EXCHANGE", &exchange).with("EVENTS__AMQP__PASSIVE", "true");
    cluster.start().await;
    operator.workers_take().await;
    let ear = operator.listen().await;
    let load = Load::start(cluster.api(), PUBLISHERS, CHANNELS);
    load.more(50).await;
    let heard = ear.hears().await.len();
    assert_eq!(cluster.logged("RabbitMQ cannot be used") + cluster.logged("is not as it should be"), 0);

    // A queue that is taken away is named, and is used again when it is back.
    operator.delete().await;
    eventually("both workers to name the queue", PATIENCE, async || {
        let missing = format!(
            "no queue '{exchange}.slack' in vhost '/'; amqp.passive is set, so nothing is declared: have it made"
        );
        (cluster.logged(&missing) >= 2).then_some(())
    })
    .await;
    load.more(50).await;
    let second = administrator.start_as("worker").await;
    eventually("all three to take word", PATIENCE, async || {
        operator.depth("slack").await.filter(|(_, processes)| *processes == 3)
    })
    .await;
    second.stop().await;
    let ear = operator.listen().await;
    load.more(50).await;
    let after = ear.hears().await.len();
    let sent = load.end().await;
    let found = reconcile(&cluster.api(), &receiver, &sent, PATIENCE).await;
    assert_eq!((sent.failed, found.duplicates.len()), (0, 0), "{found:?}");
    assert_eq!(cluster.logged("tops3cret"), 0);
    println!(
        "a user who may declare nothing: {heard} references came, and {after} after the queue was made anew: {found}"
    );
}
