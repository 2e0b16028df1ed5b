//! What each process of a cluster answers.

use events_tests::{Cluster, Store, numbered};
use reqwest::Method;

/// Where workers are reached, nothing is protected that the API protects: there must be nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workers_answer_health_checks_and_know_no_api() {
    let Some(store) = Store::postgres() else { return };
    let mut cluster = Cluster::new(&store, None, "");
    cluster.start().await;
    let admin_key = cluster.api_home().admin_key();
    for worker in [cluster.worker(0), cluster.worker(1)] {
        let worker = worker.api().with_key(Some(admin_key.clone()));
        for path in ["/health", "/health/live", "/health/ready"] {
            worker.get(path).await;
        }
        for path in ["/api/v1/events", "/api/v1/keys", "/api/v1/webhooks/deliveries", "/api/v1/replays"] {
            cluster.api().get(path).await;
            let answer = worker.send(Method::GET, path, Vec::new()).await.unwrap();
            assert_eq!((answer.status, &answer.body["code"]), (404, &"not_found".into()), "{path}");
        }
        assert_eq!(worker.try_publish(&numbered(0, 0)).await.unwrap().status, 404);
    }
    assert!(cluster.api().events().await.is_empty());
}
