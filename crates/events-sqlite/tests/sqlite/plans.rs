//! Statements that run all the time find what they need in indexes, however much there is.

use sqlx::{AssertSqlSafe, Row};

use crate::support::Place;

/// The steps of SQLite's plan for each statement in `text`.
async fn plan(place: &Place, text: &str) -> Vec<String> {
    let mut connection = place.connection().await;
    let mut steps = Vec::new();
    for statement in text.split_inclusive(";\n") {
        let explain = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}"));
        let rows = sqlx::query(explain).fetch_all(&mut connection).await.unwrap();
        steps.extend(rows.iter().map(|row| row.get::<String, _>("detail")));
    }
    steps
}

fn scans<'a>(plan: &'a [String], tables: &[&str]) -> Vec<&'a String> {
    let of_table = |step: &&String| tables.iter().any(|table| step.starts_with(&format!("SCAN {table}")));
    plan.iter().filter(of_table).collect()
}

macro_rules! plans {
    ($($name:ident)*) => {
        [$((stringify!($name), include_str!(concat!("../../src/queries/", stringify!($name), ".sql")))),*]
    };
}

#[tokio::test]
async fn no_statement_of_the_hot_path_scans_a_table() {
    let place = Place::new().await;
    let hot = plans![
        append_existing claim claim_due forget claim_pace claim_ready event events_at happened_after
        happened_after_nowhere next_due redrive redrive_enable release_expired release_expired_free renew route
        route_and_claim route_cancel route_take route_waiting schedule settle_dead settle_end settle_held settle_return settle_target attempts
    ];
    let tables = ["events", "event_keys", "deliveries", "attempts", "dead_letters", "target_states", "outbox", "due"];
    for (name, text) in hot {
        let row = format!("({})", vec!["?"; if name == "route" { 6 } else { 8 }].join(", "));
        let plan = plan(&place, &text.replace("{rows}", &[row.as_str(), &row].join(", "))).await;
        assert!(!plan.is_empty(), "{name}");
        assert_eq!(scans(&plan, &tables), [] as [&String; 0], "{name}: {plan:#?}");
    }
}

/// A list is read in its order as far as the page goes; only pages are sorted.
#[tokio::test]
async fn lists_are_read_in_their_order() {
    let place = Place::new().await;
    for (name, text) in plans![unrouted scan timeline timeline_indexed dead_letters deliveries] {
        let text = text
            .replace("{indexed}", "")
            .replace("{walked}", "")
            .replace("{ended}", "")
            .replace("{filters}", if name == "timeline_indexed" { " AND organization_id = ?3" } else { "" });
        let plan = plan(&place, &text.replace("{index}", "idx_org_events")).await;
        let mut scanned = "";
        for step in &plan {
            if step.starts_with("SCAN ") {
                scanned = step;
            }
            let is_page = scanned.starts_with("SCAN page") || scanned.starts_with("SCAN (subquery");
            assert!(is_page || !step.contains("TEMP B-TREE"), "{name}: {plan:#?}");
        }
    }
}

/// Ended deliveries of a target, and those that failed for good, are found in indexes that have nothing else.
#[tokio::test]
async fn lists_of_ended_deliveries_look_at_nothing_else() {
    let place = Place::new().await;
    let text = include_str!("../../src/queries/deliveries.sql").replace("?3", "false");
    for (index, dead, filters, wanted) in [
        ("idx_attempts_target", "", " AND target = ?6", "idx_attempts_target (target=?)"),
        ("idx_attempts_dead", " AND outcome = 'dead'", "", "USING INDEX idx_attempts_dead"),
        (
            "idx_attempts_dead_target",
            " AND outcome = 'dead'",
            " AND target = ?6",
            "idx_attempts_dead_target (target=?)",
        ),
    ] {
        let text = text.replace("{walked}", "").replace("{indexed}", &format!("INDEXED BY {index}"));
        let plan = plan(&place, &text.replace("{ended}", dead).replace("{filters}", filters)).await;
        assert!(plan.iter().any(|step| step.contains("listed") && step.contains(wanted)), "{wanted}: {plan:#?}");
    }
}

/// Of many deliveries that wait, only those are read that come before the page is full.
#[tokio::test]
async fn lists_of_what_waits_sort_nothing_where_much_waits() {
    let place = Place::new().await;
    let text = include_str!("../../src/queries/deliveries.sql").replace("{indexed}", "").replace("{ended}", "");
    let text = text.replace("?4", "false").replace("{filters}", " AND handler = ?6 AND target = ?7");
    let sorts = async |walked: &str| {
        let plan = plan(&place, &text.replace("{walked}", walked)).await;
        let at = plan.iter().position(|step| step.contains(" listed")).unwrap();
        plan[at + 1].contains("TEMP B-TREE")
    };
    assert!(!sorts("NOT INDEXED").await);
    assert!(sorts("INDEXED BY idx_deliveries_due").await, "few are sorted");
}

#[tokio::test]
async fn a_claim_uses_the_index_of_due_times() {
    let place = Place::new().await;
    for (name, text) in plans![claim_ready claim_due] {
        let plan = plan(&place, text).await;
        let due = plan.iter().any(|step| step.contains("idx_deliveries_due (handler=? AND target=? AND due_at<?)"));
        assert!(due, "{name}: {plan:#?}");
        assert!(!plan.iter().any(|step| step.contains("TEMP B-TREE")), "{name}: {plan:#?}");
    }
}

#[test]
fn no_statement_is_planned_anew_at_each_run() {
    let queries = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/queries");
    for file in std::fs::read_dir(queries).unwrap() {
        let path = file.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        for (at, _) in text.match_indices("LIMIT ?") {
            assert_eq!(&text[at + 8..at + 10], " +", "{}: LIMIT ?n + 0, see the crate's page", path.display());
        }
    }
}
