//! `webhooks deliveries` on the command line, and what sends them again: `resend`, `recover`, `replay`, and their jobs.

use serde_json::{Value, json};

use crate::{
    cli::{json, printed, run},
    server::{rows, text},
    webhook_deliveries::{at, with_a_long_past, with_each_status},
};

/// One field of each row of a list.
fn column(list: &Value, rows_of: &str, field: &str) -> Vec<Value> {
    rows(list, rows_of).iter().map(|row| row[field].clone()).collect()
}

#[tokio::test]
async fn deliveries_are_listed_by_each_filter() {
    let (server, mine, _) = with_each_status().await;
    let (id, third) = (mine.subscription_id.to_string(), at(3).to_string());
    for (filters, found) in [
        (&[][..], &[4, 3, 2, 1][..]),
        (&["--subscription", &id], &[3, 2, 1]),
        (&["--status", "dead"], &[4, 2]),
        (&["--status", "dead", "--subscription", &id], &[2]),
        (&["--status", "pending"], &[]),
        (&["--event-type", "invoice.paid"], &[2]),
        (&["--event-type", "invoice.*", "--limit", "3"], &[4, 3, 2]),
        (&["--since", &third], &[4, 3]),
    ] {
        let listed = json(&server, &[&["webhooks", "deliveries"][..], filters].concat()).await;
        assert_eq!(column(&listed, "deliveries", "delivery_id"), found, "{filters:?}");
    }
    let table = printed(&server, &["webhooks", "deliveries", "--event-type", "invoice.paid"], "").await;
    let [titles, row] = table.lines().collect::<Vec<_>>()[..] else { panic!("a title and a delivery: {table}") };
    for title in ["DELIVERY", "TYPE", "SUBSCRIPTION", "STATUS", "ATTEMPTS", "ENDED", "ANSWER", "LAST ERROR"] {
        assert!(titles.contains(title), "{title} in {table}");
    }
    for part in ["2 ", "invoice.paid", &id, "dead", "gone"] {
        assert!(row.contains(part), "{part} in {table}");
    }
    let none = printed(&server, &["webhooks", "deliveries", "--status", "pending"], "").await;
    assert!(none.ends_with("(none)\n"), "{none}");
}

#[tokio::test]
async fn a_delivery_is_shown_with_its_tries() {
    let (server, mine, _) = with_each_status().await;
    let shown: Value = serde_json::from_str(&printed(&server, &["webhooks", "deliveries", "2"], "").await).unwrap();
    assert_eq!(
        (&shown["delivery_id"], text(&shown["status"]), text(&shown["last_error"])),
        (&json!(2), "dead", "gone")
    );
    assert_eq!(text(&shown["subscription_id"]), mine.subscription_id.to_string());
    assert_eq!(shown["event_data"], json!({ "invoice_id": "inv_2" }));
    assert_eq!(column(&shown, "tries", "outcome"), ["dead"]);
    assert_eq!(column(&shown, "tries", "error"), ["gone"]);
}

#[tokio::test]
async fn a_delivery_is_sent_again_and_its_way_is_told() {
    let (server, ..) = with_each_status().await;
    for (id, told) in [
        ("1", "5 is on its way, a new delivery of the same event\n"),
        ("2", "2 is on its way again\n"),
        ("3", "3 is on its way again\n"),
    ] {
        assert_eq!(printed(&server, &["webhooks", "resend", id], "").await, told);
    }
    let listed = json(&server, &["webhooks", "deliveries", "--status", "pending"]).await;
    assert_eq!(column(&listed, "deliveries", "delivery_id"), [5, 2], "the third has failed before");
    let again = json(&server, &["webhooks", "resend", "4"]).await;
    assert_eq!(again, json!({ "outcome": "redriven", "delivery_id": 4 }));
}

/// What a job made is in its last line, so the command has waited for its end.
#[tokio::test]
async fn a_recovery_is_waited_for() {
    let (server, mine, _) = with_each_status().await;
    let id = mine.subscription_id.to_string();
    let [before, second, third] = [0, 2, 3].map(|seconds| at(seconds).to_string());
    for (period, told) in [
        (&["--since", &before][..], "1 would be sent\n"),
        (&["--since", &before, "--until", &second], "0 would be sent\n"),
        (&["--since", &third], "0 would be sent\n"),
    ] {
        let dry_run = [&["webhooks", "recover", &id, "--dry-run"][..], period].concat();
        assert_eq!(printed(&server, &dry_run, "").await, told, "{period:?}");
    }
    let counted = json(&server, &["webhooks", "recover", &id, "--since", &before, "--dry-run"]).await;
    assert_eq!(counted, json!({ "dry_run": true, "count": 1, "more": false }));
    assert!(printed(&server, &["webhooks", "jobs"], "").await.ends_with("(none)\n"), "counting begins no job");

    let recover = ["webhooks", "recover", &id, "--since", &before, "--until", &third, "--rate", "7"];
    let output = run(&server, &recover, "").await;
    let (told, errors) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!((output.status.code(), errors.as_str()), (Some(0), ""), "progress is for terminals");
    let jobs = json(&server, &["webhooks", "jobs"]).await;
    let [job] = rows(&jobs, "replays") else { panic!("one job: {jobs}") };
    let job_id = text(&job["replay_id"]);
    assert_eq!(told, format!("{job_id} done, 1 made\n"));
    assert_eq!(json(&server, &["webhooks", "jobs", job_id]).await, *job);
    for (field, expected) in [
        ("kind", json!("recover")),
        ("subscription_id", json!(id)),
        ("since", json!(before)),
        ("until", json!(third)),
        ("rate", json!(7)),
        ("state", json!("done")),
        ("progress", json!(1.0)),
    ] {
        assert_eq!(job[field], expected, "{field}: {job}");
    }
    let dead = json(&server, &["webhooks", "deliveries", "--status", "dead"]).await;
    assert_eq!(column(&dead, "deliveries", "delivery_id"), [4], "theirs");
    let table = printed(&server, &["webhooks", "jobs"], "").await;
    for part in ["JOB", "STATE", job_id, "recover", "done"] {
        assert!(table.contains(part), "{part} in {table}");
    }
}

#[tokio::test]
async fn a_replay_is_narrowed_to_types_and_waited_for() {
    let (server, mine, _) = with_each_status().await;
    let (id, since) = (mine.subscription_id.to_string(), at(0).to_string());
    let replay = ["webhooks", "replay", &id, "--since", &since];
    let types = ["--event-type", "invoice.created", "--event-type", "user.*"];
    let all = printed(&server, &[&replay[..], &["--dry-run"]].concat(), "").await;
    let some = printed(&server, &[&replay[..], &types, &["--dry-run"]].concat(), "").await;
    assert_eq!((all.as_str(), some.as_str()), ("3 would be sent\n", "2 would be sent\n"));
    let done = json(&server, &[&replay[..], &types, &["--rate", "1"]].concat()).await;
    assert_eq!((text(&done["kind"]), text(&done["state"]), &done["made"]), ("replay", "done", &json!(2)), "{done}");
    assert_eq!((&done["rate"], &done["event_types"]), (&json!(1), &json!(["invoice.created", "user.*"])));
    let made = json(&server, &["webhooks", "deliveries", "--status", "pending"]).await;
    assert_eq!(column(&made, "deliveries", "event_type"), ["invoice.created", "invoice.created"]);
}

/// It would run for a quarter of an hour, so nobody can have waited for it.
#[tokio::test]
async fn a_job_that_nobody_waits_for_is_cancelled() {
    let (server, mine) = with_a_long_past().await;
    let (id, since) = (mine.subscription_id.to_string(), at(0).to_string());
    let begun = printed(&server, &["webhooks", "replay", &id, "--since", &since, "--rate", "1", "--detach"], "").await;
    let job = begun.strip_suffix(" running, 0 made\n").unwrap_or_else(|| panic!("{begun}"));
    let running = json(&server, &["webhooks", "jobs", job]).await;
    assert_eq!((text(&running["state"]), &running["total"]), ("running", &json!(1_003)), "{running}");
    let cancelled = printed(&server, &["webhooks", "cancel", job], "").await;
    let shown = json(&server, &["webhooks", "jobs", job]).await;
    assert_eq!(cancelled, format!("{job} cancelled, {} made\n", shown["made"]));
    assert_eq!(json(&server, &["webhooks", "cancel", job]).await, shown, "it stays as it was");
    assert!(printed(&server, &["webhooks", "jobs"], "").await.contains("cancelled"));
}

#[tokio::test]
async fn what_goes_wrong_names_the_field_and_the_remedy() {
    let (server, mine, _) = with_each_status().await;
    let (id, since) = (mine.subscription_id.to_string(), at(0).to_string());
    let of_none = "00000000-0000-7000-8000-000000000000";
    for (words, code, told) in [
        (&["deliveries", "--status", "lost"][..], 1, "status must be one of pending, failed, succeeded, dead, dropped"),
        (&["deliveries", "--limit", "0"], 1, "limit must be a number from 1 to 1000, but is 0"),
        (&["deliveries", "--since", "yesterday"], 1, "since must be an RFC 3339 time with zone such as 2026-"),
        (&["deliveries", "--event-type", "Invoice"], 1, "event_types is refused: `Invoice` is not a pattern: write"),
        (&["deliveries", "--subscription", of_none], 1, "there is no webhook subscription \"00000000-"),
        (&["deliveries", "77"], 1, "there is no delivery \"77\" of a webhook"),
        (&["deliveries", "x"], 2, "DELIVERY_ID"),
        (&["resend", "77"], 1, "there is no delivery \"77\" of a webhook"),
        (&["resend"], 2, "DELIVERY_ID"),
        (&["recover", &id], 2, "--since"),
        (&["recover", &id, "--since", "yesterday"], 1, "since must be an RFC 3339 time with zone such as 2026-"),
        (&["recover", &id, "--since", &since, "--until", "now"], 1, "until must be an RFC 3339 time with zone"),
        (&["recover", &id, "--since", &since, "--until", &since], 1, "since must be before `until`"),
        (&["recover", &id, "--since", &since, "--rate", "0"], 1, "rate must be from 1 to 1000, but is 0"),
        (&["recover", &id, "--since", &since, "--rate", "1001"], 1, "rate must be from 1 to 1000, but is 1001"),
        (&["recover", of_none, "--since", &since], 1, "there is no webhook subscription \"00000000-"),
        (&["replay", &id, "--since", &since, "--event-type", "Invoice"], 1, "event_types is refused: `Invoice` is not"),
        (&["replay", "../keys", "--since", &since], 1, "there is no webhook subscription \"../keys\""),
        (&["jobs", of_none], 1, "there is no replay \"00000000-"),
        (&["cancel", of_none], 1, "there is no replay \"00000000-"),
        (&["cancel", "../keys"], 1, "there is no replay \"../keys\""),
    ] {
        let output = run(&server, &[&["webhooks"][..], words].concat(), "").await;
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{words:?}: {error}");
        assert!(error.contains(told) && output.stdout.is_empty(), "{words:?}: {error}");
    }
    let jobs = json(&server, &["webhooks", "jobs"]).await;
    assert_eq!(rows(&jobs, "replays"), [] as [Value; 0], "what is refused begins no job");
}
