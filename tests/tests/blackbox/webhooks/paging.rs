//! Lists of deliveries, page by page, while more of them are made.

use std::collections::BTreeSet;

use events_tests::{Api, Endpoint, PATIENCE, Size, eventually, on_each_size};
use serde_json::Value;

use super::{all_are, path, publish_all, subscribe, system};

on_each_size! {
    every_delivery_that_was_there_is_seen_once_while_others_come,
}

const THERE: u64 = 500;
const PAGE: usize = 20;
/// Events that come between two pages.
const BETWEEN: u64 = 15;

/// Reads a list to its end; more events are published between its pages. Answers the ids, and the first free number.
async fn read(api: &Api, list: &str, mut next_number: u64) -> (Vec<i64>, u64) {
    let (mut ids, mut cursor) = (Vec::new(), None);
    loop {
        let from = cursor.map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
        let page: Value = api.get(&format!("{list}limit={PAGE}{from}")).await;
        let deliveries = page["deliveries"].as_array().unwrap();
        assert!(deliveries.len() <= PAGE);
        ids.extend(deliveries.iter().map(|delivery| delivery["delivery_id"].as_i64().unwrap()));
        cursor = page["next"].as_i64();
        if cursor.is_none() {
            return (ids, next_number);
        }
        publish_all(api, "test.listed", next_number..next_number + BETWEEN).await;
        next_number += BETWEEN;
        // They are in the list before it is read on.
        eventually("the new events to be routed", PATIENCE, async || {
            let newest = api.get(&format!("{list}limit=1")).await;
            let newest = newest["deliveries"][0]["event_data"]["n"].as_u64()?;
            (newest >= next_number - BETWEEN).then_some(())
        })
        .await;
    }
}

async fn every_delivery_that_was_there_is_seen_once_while_others_come(size: Size) {
    let endpoint = Endpoint::start().await;
    let system = system(&size, &[]).await;
    let api = system.api();
    let subscription = subscribe(&api, &endpoint, "/", "test.listed").await;
    publish_all(&api, "test.listed", 0..THERE).await;
    all_are(&api, &subscription, "succeeded", usize::try_from(THERE).unwrap()).await;
    let there: BTreeSet<i64> = super::deliveries(&api, &subscription)
        .await
        .iter()
        .map(|delivery| delivery["delivery_id"].as_i64().unwrap())
        .collect();
    let mut next_number = THERE;
    let of_one = path(&subscription, "/deliveries?");
    let lists = [of_one.clone(), "/api/v1/webhooks/deliveries?".into(), of_one + "status=succeeded&"];
    for list in lists {
        let (seen, next) = read(&api, &list, next_number).await;
        let unique: BTreeSet<_> = seen.iter().copied().collect();
        assert_eq!(seen.len(), unique.len(), "{list}: something is on two pages");
        let missed: Vec<_> = there.difference(&unique).collect();
        assert!(missed.is_empty(), "{list}: on no page: {missed:?}");
        println!("{list} {} pages, {} deliveries made meanwhile", seen.len() / PAGE, next - next_number);
        next_number = next;
    }
}
