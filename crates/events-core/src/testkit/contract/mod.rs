//! The contract of the store ports: every promise by name, for every store.
//!
//! Each function tries one promise on an empty store and panics when it is not kept. The words in
//! quotation marks are the port's own. [`store_contract!`](crate::store_contract) makes one test
//! of each; a store is finished when they pass.

pub mod append;
pub mod claiming;
pub mod fairness;
pub mod fencing;
pub mod leases;
pub mod routing;
pub mod settling;
mod steps;

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
