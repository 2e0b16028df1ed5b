//! Promises of [`Leadership`](crate::ports::Leadership).

use std::time::Duration;

use super::steps::works;
use crate::testkit::{Fixture, at};

const TERM: Duration = Duration::from_secs(10);

/// "It led already, or the term of whoever did is over."
pub async fn one_candidate_leads_until_its_term_is_over(fixture: &Fixture) {
    let leadership = &fixture.leadership;
    assert!(works(leadership.lead("upkeep", "a", TERM, at(0)).await));
    assert!(!works(leadership.lead("upkeep", "b", TERM, at(9)).await));
    assert!(works(leadership.lead("upkeep", "b", TERM, at(10)).await));
    assert!(!works(leadership.lead("upkeep", "a", TERM, at(11)).await));
}

/// A leader that asks again in time goes on leading.
pub async fn a_leader_renews_its_term(fixture: &Fixture) {
    let leadership = &fixture.leadership;
    for second in (0..60).step_by(5) {
        assert!(works(leadership.lead("upkeep", "a", TERM, at(second)).await));
        assert!(!works(leadership.lead("upkeep", "b", TERM, at(second + 1)).await));
    }
}

/// "The next may begin at once."
pub async fn a_leader_that_resigns_is_followed_at_once(fixture: &Fixture) {
    let leadership = &fixture.leadership;
    assert!(works(leadership.lead("upkeep", "a", TERM, at(0)).await));
    works(leadership.resign("upkeep", "b").await); // it does not lead, and ends nothing
    assert!(!works(leadership.lead("upkeep", "b", TERM, at(1)).await));
    works(leadership.resign("upkeep", "a").await);
    assert!(works(leadership.lead("upkeep", "b", TERM, at(1)).await));
}

/// Two tasks have two leaders.
pub async fn tasks_are_led_apart(fixture: &Fixture) {
    let leadership = &fixture.leadership;
    assert!(works(leadership.lead("upkeep", "a", TERM, at(0)).await));
    assert!(works(leadership.lead("report", "b", TERM, at(0)).await));
    works(leadership.resign("report", "b").await);
    assert!(!works(leadership.lead("upkeep", "b", TERM, at(1)).await));
}
