//! Answers that never end: a gigabyte at once, and one blank after the other.

use events_tests::{Conduct, Deployment, Endpoint, PATIENCE, Size, on_each_size};

use super::{deliveries, publish, publish_all, story, subscribe, system, tries};

on_each_size! {
    a_gigabyte_is_cut_off_and_takes_no_memory,
    an_answer_that_trickles_for_ever_ends_at_the_deadline,
}

const FLOODS: u64 = 20;
/// What a worker may need more for twenty gigabytes than for twenty short answers, in KiB.
const MOST_MEMORY: u64 = 8 * 1_024;
/// What may be taken off a receiver by one call: what is read of a body, and what two sockets hold.
const MOST_TAKEN: u64 = 16 * 1_024 * 1_024;
/// What is kept of a body.
const EXCERPT: usize = 16 * 1_024;

fn peaks(system: &Deployment) -> Vec<u64> {
    system.workers().iter().map(|worker| worker.memory("VmHWM")).collect()
}

async fn a_gigabyte_is_cut_off_and_takes_no_memory(size: Size) {
    let endpoint = Endpoint::start().await;
    let system = system(&size, &[]).await;
    let api = system.api();
    // As many calls as there will be floods, so that all that stays is there before memory is measured.
    endpoint.answer("/quiet", [Conduct::body(200, "", &[b'x'; 60_000])]);
    let quiet = subscribe(&api, &endpoint, "/quiet", "test.quiet").await;
    publish_all(&api, "test.quiet", 0..5 * FLOODS).await;
    api.all_processed(PATIENCE).await;
    assert_eq!(deliveries(&api, &quiet).await.len() as u64, 5 * FLOODS);

    let before = peaks(&system);
    endpoint.answer("/flood", [Conduct::Flood]);
    let subscription = subscribe(&api, &endpoint, "/flood", "test.flood").await;
    publish_all(&api, "test.flood", 0..FLOODS).await;
    api.all_processed(PATIENCE).await;
    // The kernel counts pages for each processor and sums them up roughly, so a peak may be told a little lower later.
    let grown: Vec<_> =
        peaks(&system).iter().zip(&before).map(|(after, before)| after.saturating_sub(*before)).collect();

    let deliveries = deliveries(&api, &subscription).await;
    assert_eq!((deliveries.len() as u64, endpoint.calls("/flood").len() as u64), (FLOODS, FLOODS));
    for delivery in deliveries {
        // The status is what counts, and it was there before the body.
        assert_eq!(delivery["status"], "succeeded");
        let story = api.get(&format!("/api/v1/webhooks/deliveries/{}", delivery["delivery_id"])).await;
        let response = &tries(&story)[0]["response"];
        let kept = response["body"].as_str().unwrap();
        assert_eq!((kept.len(), &response["body_cut"]), (EXCERPT, &true.into()));
        assert!(kept.bytes().all(|byte| byte == b'x'));
    }
    let taken = endpoint.flooded();
    assert!(taken <= FLOODS * MOST_TAKEN, "{} MiB were taken off the receiver", taken >> 20);
    assert!(grown.iter().all(|grown| *grown <= MOST_MEMORY), "workers grew by {grown:?} KiB");
    println!("{FLOODS} answers of 1 GiB: {} KiB of each taken, workers grew by {grown:?} KiB", (taken >> 10) / FLOODS);
}

async fn an_answer_that_trickles_for_ever_ends_at_the_deadline(size: Size) {
    let endpoint = Endpoint::start().await;
    let system = system(&size, &[]).await;
    let api = system.api();
    endpoint.answer("/", [Conduct::trickle()]);
    let subscription = subscribe(&api, &endpoint, "/", "test.trickle").await;
    publish(&api, "test.trickle", 0).await;
    let story = story(&api, &subscription, "the trickle to be given up", |story| story["status"] == "dead").await;
    assert_eq!(tries(&story).len(), 3);
    for attempt in tries(&story) {
        assert_eq!(attempt["error_class"], "timeout", "{attempt}");
        assert_eq!(attempt["error"], "the answer began and did not end within 1000 ms");
        assert_eq!(attempt["response"]["status"], 200, "what had come is on record");
        let kept = attempt["response"]["body"].as_str().unwrap();
        assert!(!kept.is_empty() && kept.trim().is_empty(), "{kept:?}");
        assert!(attempt["times"]["total_ms"].as_f64().unwrap() >= 1_000.0, "{attempt}");
    }
    println!("3 trickles, each ended at its deadline of 1 s");
}
