//! The schedule of a subscription's own: as many tries as it says, with the pauses that it says.

use events_tests::{Call, Conduct, Endpoint, Size, on_each_size};
use jiff::SignedDuration;
use serde_json::json;

use super::{publish, story, subscribe_with, system, time, tries};

on_each_size! {
    retries_follow_the_schedule_of_the_subscription,
}

/// Milliseconds between the tries. No other order of them would be long enough everywhere.
const PAUSES: [i64; 3] = [1_000, 3_000, 1_500];

async fn retries_follow_the_schedule_of_the_subscription(size: Size) {
    let endpoint = Endpoint::start().await;
    let system = system(&size, &[]).await;
    let api = system.api();
    endpoint.answer("/", [Conduct::status(500, "")]);
    let retry: Vec<_> = PAUSES.iter().map(|pause| *pause as f64 / 1e3).collect();
    let fields = json!({ "url": endpoint.url("/"), "events": ["test.failing"], "retry_seconds": retry });
    let subscription = subscribe_with(&api, fields).await;
    publish(&api, "test.failing", 1).await;
    let story = story(&api, &subscription, "the schedule to end", |story| story["status"] == "dead").await;

    let tries = tries(&story);
    let numbers: Vec<_> = tries.iter().map(|attempt| attempt["number"].as_u64().unwrap()).collect();
    let outcomes: Vec<_> = tries.iter().map(|attempt| attempt["outcome"].as_str().unwrap()).collect();
    assert_eq!(numbers, [1, 2, 3, 4]);
    assert_eq!(outcomes, ["retry", "retry", "retry", "dead"]);
    let gaps: Vec<_> = tries.windows(2).map(|two| time(&two[1], "created_at") - time(&two[0], "created_at")).collect();
    for (gap, pause) in gaps.iter().zip(PAUSES) {
        let gap = SignedDuration::try_from(*gap).unwrap();
        assert!(gap >= SignedDuration::from_millis(pause), "{gap:?} where the schedule says {pause} ms");
    }
    let calls = endpoint.calls("/");
    assert_eq!(calls.len(), 4, "and never again");
    for (two, pause) in calls.windows(2).zip(PAUSES) {
        let signed = |call: &Call| call.headers["webhook-timestamp"].to_str().unwrap().parse::<i64>().unwrap();
        let gap = signed(&two[1]) - signed(&two[0]);
        assert!(gap >= pause / 1_000, "signed {gap} s apart where the schedule says {pause} ms");
        assert_eq!(two[0].headers["webhook-id"], two[1].headers["webhook-id"]);
    }
    println!("tries after {gaps:?}, where the schedule says {PAUSES:?} ms");
}
