//! The contract of the store ports: every promise by name, for every store.
//!
//! Each function tries one promise on an empty store and panics when it is not kept. The words in
//! quotation marks are the port's own. [`store_contract!`](crate::store_contract) makes one test
//! of each; a store is finished when they pass.

pub mod api_keys;
pub mod append;
pub mod claiming;
pub mod concurrency;
pub mod delivery_lists;
pub mod fairness;
pub mod fencing;
pub mod history;
pub mod leadership;
pub mod leases;
pub mod leasing_at_once;
pub mod next_due;
pub mod organizations;
pub mod pacing;
pub mod pruning;
pub mod redriving;
pub mod replays;
pub mod routing;
pub mod settling;
pub mod statistics;
mod steps;
pub mod stored_routes;
pub mod targets;
pub mod timeline;
pub mod webhooks;

/// Makes one `#[tokio::test]` of each promise of the store ports.
///
/// Takes a path to an async function (or a closure) without arguments that makes a
/// [`Fixture`](crate::testkit::Fixture) of an empty store. The crate that uses the macro needs
/// `tokio` with `macros` and `rt-multi-thread`.
///
/// ```ignore
/// async fn memory() -> Fixture {
///     Fixture::new(Arc::new(MemoryStore::new()))
/// }
///
/// events_core::store_contract!(memory);
/// ```
#[macro_export]
macro_rules! store_contract {
    ($fixture:expr) => {
        $crate::contract_tests! { $fixture =>
            append "current_thread" {
                an_event_comes_back_as_it_was_published
                places_in_the_log_grow_in_the_order_of_recording
                a_batch_of_any_size_is_stored_as_it_was_given
                an_empty_batch_is_answered_with_nothing
                an_event_id_is_stored_once
                an_idempotency_key_stores_one_event
                a_key_with_other_content_is_a_conflict
                an_id_with_other_content_is_a_conflict
                a_conflict_stops_no_neighbour
                duplicates_within_a_batch_are_found
                the_id_is_looked_at_before_the_key
                a_pruned_key_can_be_used_again_and_an_id_cannot
            }
            routing "current_thread" {
                unrouted_events_come_oldest_first
                routing_takes_an_event_off_the_list_and_makes_its_deliveries
                an_event_is_routed_once
                a_cancellation_drops_what_waits_and_says_why
                a_cancellation_spares_what_is_leased
                a_cancellation_ends_retries
                a_cancellation_spares_the_deliveries_of_its_own_event
                events_of_one_call_are_routed_in_order
                a_guard_travels_with_its_delivery
            }
            leasing_at_once "current_thread" {
                what_routing_leases_is_claimed
                what_routing_leased_is_claimed_again_when_the_lease_ends
                routing_leases_no_more_than_is_offered
                routing_leases_nothing_that_has_to_wait
                what_is_cancelled_in_the_same_call_is_not_leased
            }
            claiming "current_thread" {
                a_claim_carries_all_that_a_handler_needs
                what_is_due_later_waits
                a_leased_delivery_is_given_to_nobody_else
                a_claim_takes_deliveries_of_its_handler_only
                a_claim_is_bounded_by_its_limit
                deliveries_of_a_target_come_by_due_time_then_id
                attempts_and_lease_grow_with_each_claim
                targets_come_in_the_order_in_which_they_became_ready
                claims_continue_where_the_last_one_ended
            }
            fairness "current_thread" {
                a_pile_for_one_target_does_not_hold_up_the_others
                targets_share_a_claim_evenly
                room_that_is_left_goes_to_targets_with_more
                a_small_claim_serves_those_that_have_waited_longest
                a_target_that_rests_takes_no_share
                a_paused_target_queues_up_again_at_the_end_of_its_pause
                a_target_gets_no_more_than_its_allowance
                a_target_that_is_allowed_nothing_is_passed_over
                organizations_share_a_claim_evenly
                more_endpoints_than_the_limit_do_not_hold_up_another_organization
                endpoints_of_an_organization_share_what_it_gets
                targets_of_nobody_share_as_one_organization_does
                only_webhooks_belong_to_organizations
            }
            pacing "current_thread" {
                a_paced_target_gives_its_burst_then_one_per_interval
                the_rate_holds_over_all_callers
                a_pile_is_given_out_as_one_digest
                only_what_is_due_makes_a_pile
                a_target_out_of_calls_holds_up_nobody
                a_paced_claim_is_bounded_by_its_limit
                a_rest_saves_up_the_burst_and_no_more
                resuming_a_target_frees_no_calls
            }
            settling "current_thread" {
                what_is_done_ends_and_is_recorded
                an_attempt_record_keeps_the_whole_report
                a_retry_waits_until_its_time
                what_is_dropped_ends_with_its_reason
                what_is_dead_becomes_a_dead_letter
                what_is_handed_back_is_due_at_once_and_leaves_no_record
                a_batch_mixes_verdicts
                a_pause_holds_the_whole_target_back
                a_shorter_pause_does_not_end_a_longer_one
                a_disabled_target_gets_nothing
            }
            fencing "current_thread" {
                a_settlement_under_an_older_lease_is_fenced
                a_settlement_after_the_release_is_fenced
                a_late_settlement_counts_until_the_release
                a_delivery_is_settled_once
                a_lease_ends_with_its_settlement
                a_fenced_settlement_leaves_the_target_alone
                a_fenced_settlement_stops_no_neighbour
            }
            leases "current_thread" {
                a_renewed_lease_is_not_released
                renewing_names_the_leases_that_are_lost
                a_lost_claim_is_due_again_and_on_record
                a_lease_lasts_until_its_end
                the_longest_lost_are_released_first
            }
            leadership "current_thread" {
                one_candidate_leads_until_its_term_is_over
                a_leader_renews_its_term
                a_leader_that_resigns_is_followed_at_once
                tasks_are_led_apart
            }
            redriving "current_thread" {
                a_redriven_delivery_starts_again
                attempts_before_a_redrive_stay_on_record
                redriving_enables_the_target
                redriving_ends_the_pause_of_the_target
                a_redrive_takes_what_its_filters_name
                the_oldest_dead_letters_are_redriven_first
                a_redriven_delivery_keeps_its_guard
                a_redriven_delivery_can_be_cancelled
            }
            pruning "current_thread" {
                old_attempts_of_ended_deliveries_go
                attempts_of_waiting_deliveries_stay
                old_dead_letters_go
                old_keys_go_and_younger_ones_stay
                pruning_is_bounded_and_begins_with_the_oldest
                events_are_kept
            }
            next_due "current_thread" {
                nothing_is_due_when_nothing_waits
                the_earliest_delivery_is_due_next
                a_paused_target_is_due_at_the_end_of_its_pause
                a_disabled_target_is_not_due
                a_paced_target_is_due_when_its_rate_allows
            }
            history "current_thread" {
                an_event_is_processed_when_its_last_delivery_ended
                an_event_without_deliveries_is_processed
                retries_and_the_last_error_are_counted_over_all_deliveries
                a_scan_follows_the_log
                what_happened_after_is_told_by_type_and_organization
                deliveries_are_listed_by_what_is_asked
                a_leased_delivery_is_listed_as_leased
                pages_of_deliveries_follow_each_other
                dead_letters_are_listed_newest_first
                what_is_unknown_is_answered_with_nothing
                depth_counts_what_waits
                planned_follow_ups_are_not_unprocessed_until_they_are_due
            }
            delivery_lists "current_thread" {
                deliveries_are_listed_by_how_they_do
                deliveries_are_listed_by_type_and_time_of_their_event
                a_listed_delivery_shows_its_last_answer_and_its_payload
                lists_of_a_target_have_each_delivery_once
                dead_letters_are_listed_by_when_they_died
            }
            timeline "current_thread" {
                the_newest_event_comes_first
                the_timeline_is_filtered_by_type
                a_prefix_is_taken_literally
                the_timeline_is_filtered_by_time
                filters_of_the_timeline_combine
                pages_of_the_timeline_follow_each_other
                an_offset_passes_rows_over
                the_timeline_shows_progress
            }
            organizations "current_thread" {
                an_event_is_hidden_from_other_organizations
                a_timeline_shows_its_organization_only
                deliveries_show_their_organization_only
                dead_letters_belong_to_their_organization
                idempotency_keys_of_two_organizations_do_not_meet
            }
            targets "current_thread" {
                targets_that_rest_are_listed_by_handler_and_name
                a_target_that_rests_says_why_and_what_waits
                resuming_a_target_lets_its_deliveries_go
                resuming_a_handler_mends_all_of_its_targets
                resuming_counts_those_that_rested
                a_target_can_be_paused_and_disabled
                targets_of_two_handlers_do_not_meet
                somebody_can_have_a_target_rest
                rests_that_somebody_wants_add_to_those_that_are_there
            }
            webhooks "current_thread" {
                a_subscription_comes_back_as_it_was_made
                a_subscription_is_made_once_with_one_secret
                another_organizations_subscription_is_not_there
                subscriptions_are_listed_newest_first_in_pages
                a_change_is_made_whole
                a_change_of_an_old_revision_is_a_conflict
                a_deleted_subscription_is_gone_with_its_secrets
                all_subscriptions_come_by_id
                a_new_secret_lets_the_others_expire
                a_secret_belongs_to_a_subscription
                health_is_noted_and_is_no_revision
            }
            stored_routes "current_thread" {
                subscriptions_that_get_deliveries_have_routes
                the_version_grows_with_every_change_of_the_routes
                the_version_stays_when_no_route_changes
                an_event_comes_with_the_version_of_the_routes_before_it
            }
            replays "current_thread" {
                a_dead_letter_is_resent_under_its_id
                an_ended_delivery_is_resent_as_a_new_one
                a_waiting_delivery_is_made_due
                another_organizations_delivery_is_not_resent
                what_is_made_again_waits_for_a_target_that_rests
                a_job_comes_back_as_it_was_started
                jobs_are_listed_newest_first
                a_step_makes_deliveries_and_moves_the_job
                a_step_is_made_once
                a_job_ends_once
            }
            statistics "current_thread" {
                attempts_and_events_are_counted_by_day
                a_reader_sees_what_was_not_counted_yet
                an_organization_has_its_own_counts
                counts_of_targets_are_apart
                a_step_counts_once
                steps_are_bounded_and_follow_each_other
                attempts_of_other_handlers_are_passed_over
                what_is_pruned_stays_counted
                what_comes_after_everything_was_pruned_is_counted
                old_counts_are_forgotten
                subscriptions_are_counted_by_how_they_do
            }
            api_keys "current_thread" {
                a_key_is_found_by_its_hash
                keys_are_listed_oldest_first
                a_key_is_replaced_by_one_with_its_id_or_hash
                a_removed_key_opens_nothing
            }
            concurrency "multi_thread" {
                two_claimers_never_share_a_delivery
                concurrent_appends_with_the_same_key_store_one_event
                concurrent_appends_are_all_stored
                two_routers_make_each_delivery_once
                concurrent_settlements_end_a_delivery_once
                concurrent_upkeep_happens_once
                of_two_changes_at_the_same_time_one_is_made
                changes_at_the_same_time_all_count
                what_is_recorded_while_others_count_is_counted_once
            }
        }
    };
}

/// The tests of [`store_contract!`](crate::store_contract), a module for each group of promises.
#[doc(hidden)]
#[macro_export]
macro_rules! contract_tests {
    ($fixture:expr => $($group:ident $flavor:tt { $($promise:ident)* })*) => {
        $(
            mod $group {
                #[allow(unused_imports, reason = "the fixture may be named by an absolute path")]
                use super::*;

                $(
                    #[::tokio::test(flavor = $flavor)]
                    async fn $promise() {
                        let fixture: $crate::testkit::Fixture = ($fixture)().await;
                        $crate::testkit::contract::$group::$promise(&fixture).await;
                    }
                )*
            }
        )*
    };
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    /// A promise that is written and not listed would never be tried.
    #[test]
    fn every_promise_is_listed() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/testkit/contract");
        let listed = fs::read_to_string(here.join("mod.rs")).unwrap();
        let listed: Vec<&str> = listed.lines().map(str::trim).collect();
        let mut promises = 0;
        for file in fs::read_dir(here).unwrap() {
            let group = fs::read_to_string(file.unwrap().path()).unwrap();
            for promise in group.lines().filter_map(|line| line.strip_prefix("pub async fn ")) {
                let name = promise.split('(').next().unwrap();
                assert!(listed.contains(&name), "{name} is not listed in store_contract!");
                promises += 1;
            }
        }
        assert!(promises > 100, "the promises are where this test looks: {promises}");
    }
}
