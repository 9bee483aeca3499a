//! What every implementation of [`Store`](crate::Store) has to hold, as checks that panic when it does not.
//!
//! An implementation's test calls [`check`] with a way to make an empty store. Each check gets a fresh one.

mod attester;
mod authority;
mod charges;
mod clearing;
mod enrolments;
mod exchange;
mod holders;
mod issuer;
mod leases;
mod ledger;
mod linkage;
mod netting;
mod routes;
mod samples;
mod settling;
mod units;
mod vouchers;

use crate::{Store, StoreError, Transaction};

/// Runs every check, each on a store that `empty` makes.
pub async fn check<D: Store>(empty: impl AsyncFn() -> D) {
    units::a_unit_of_work_is_all_or_nothing(empty().await).await;
    units::a_refused_unit_does_not_disturb_those_beside_it(empty().await).await;
    units::many_at_once_all_take_effect_once(empty().await).await;
    units::units_for_one_holder_go_one_after_another(empty().await).await;
    units::units_for_many_holders_never_wait_for_each_other_in_a_ring(empty().await).await;
    units::a_unit_for_a_holder_is_all_or_nothing(empty().await).await;
    units::a_panic_undoes_its_unit_alone(empty().await).await;
    units::a_read_sees_one_state(empty().await).await;
    holders::cards_are_kept_and_listed_by_issuer(empty().await).await;
    holders::a_card_number_is_taken_once(empty().await).await;
    holders::cards_run_out_at_their_end(empty().await).await;
    holders::terminals_are_kept_and_listed_by_operator(empty().await).await;
    enrolments::a_code_is_used_once_and_its_failed_attempts_are_counted(empty().await).await;
    enrolments::an_offer_stands_until_it_is_used_or_ends(empty().await).await;
    enrolments::offers_that_end_together_have_an_order(empty().await).await;
    enrolments::an_identity_is_issued_once(empty().await).await;
    authority::sixty_three_institutions_are_counted_and_no_more(empty().await).await;
    authority::revocations_are_told_while_a_credential_lives(empty().await).await;
    authority::the_sequence_of_bundles_rises(empty().await).await;
    authority::the_parts_of_a_bundle_never_change(empty().await).await;
    authority::a_request_is_answered_once(empty().await).await;
    exchange::an_upload_is_kept_and_answered_once(empty().await).await;
    exchange::no_upload_appears_behind_one_that_was_listed(empty().await).await;
    exchange::a_counter_settles_once(empty().await).await;
    exchange::an_agreement_settles_once_under_all_counters(empty().await).await;
    exchange::what_was_spent_is_what_settled_and_spends(empty().await).await;
    exchange::journeys_are_kept_in_the_order_of_their_times(empty().await).await;
    exchange::misuse_is_told_to_whom_it_concerns(empty().await).await;
    settling::settlements_are_kept_and_found_together(empty().await).await;
    settling::settlements_that_contradict_are_refused_together(empty().await).await;
    settling::pseudonyms_and_charges_go_together_too(empty().await).await;
    routes::an_operator_is_told_in_an_order_without_gaps(empty().await).await;
    routes::nothing_appears_behind_what_was_seen(empty().await).await;
    routes::no_more_is_given_back_than_was_paid(empty().await).await;
    routes::a_journey_held_too_long_is_found_until_it_ends(empty().await).await;
    routes::a_statement_tells_what_was_posted_when(empty().await).await;
    netting::positions_are_of_parties_and_sum_to_zero(empty().await).await;
    charges::pseudonyms_are_known_until_their_period_is_forgotten(empty().await).await;
    charges::a_charge_waits_is_batched_once_and_is_kept(empty().await).await;
    charges::a_batch_is_undelivered_until_that_is_noted(empty().await).await;
    charges::a_suspension_waits_until_it_is_passed_on(empty().await).await;
    clearing::money_is_set_aside_by_period_until_it_is_released_or_ends(empty().await).await;
    clearing::a_subject_and_a_tag_bind_once(empty().await).await;
    clearing::payers_are_found_and_charged_together(empty().await).await;
    clearing::a_batch_is_posted_once_until_it_is_forgotten(empty().await).await;
    clearing::the_newest_approval_of_a_case_and_subject_is_told(empty().await).await;
    ledger::entries_move_balances_and_are_listed(empty().await).await;
    ledger::an_entry_needs_open_accounts_of_its_currency(empty().await).await;
    ledger::an_audit_of_a_sound_ledger_finds_nothing(empty().await).await;
    issuer::subject_commitment_and_point_are_taken_once(empty().await).await;
    issuer::a_pseudonym_comes_to_its_end_and_stays_there(empty().await).await;
    issuer::what_a_period_needed_goes_with_it(empty().await).await;
    issuer::openings_stay_on_record(empty().await).await;
    leases::a_lease_has_one_holder_until_it_ends_or_is_given_back(empty().await).await;
    leases::a_clock_that_was_ahead_holds_nobody_up(empty().await).await;
    leases::of_many_at_once_one_takes_a_lease(empty().await).await;
    leases::a_shared_clock_goes_forward(empty().await).await;
    linkage::a_seed_only_moves_on(empty().await).await;
    linkage::seeds_that_are_behind_are_listed(empty().await).await;
    attester::a_challenge_is_used_by_one_request_until_it_expires(empty().await).await;
    attester::handles_and_quotas_are_kept_by_card(empty().await).await;
    attester::a_request_is_kept_as_it_was_signed_and_its_items_in_order(empty().await).await;
    attester::an_item_waits_until_it_ends_once(empty().await).await;
    attester::requests_go_with_their_period(empty().await).await;
    attester::seeds_are_published_once_without_their_handle(empty().await).await;
    attester::approvals_end_and_traces_stay_on_record(empty().await).await;
    attester::everything_issued_to_a_subject_is_listed(empty().await).await;
    attester::a_refused_request_leaves_no_item(empty().await).await;
    vouchers::a_voucher_is_asked_for_once_and_found_again(empty().await).await;
    vouchers::a_meter_never_has_a_sequence_twice(empty().await).await;
    vouchers::what_a_meter_may_still_take_shrinks_as_it_takes_and_as_time_runs_out(empty().await).await;
    vouchers::vouchers_are_in_hand_until_they_come_to_an_end(empty().await).await;
    vouchers::a_movement_of_a_sale_is_posted_once(empty().await).await;
    vouchers::a_delivery_waits_until_it_is_told(empty().await).await;
}

/// One write that has to succeed.
async fn write<D: Store, T: Send + 'static>(
    store: &D,
    job: impl FnMut(&mut dyn Transaction) -> Result<T, StoreError> + Send + 'static,
) -> T {
    store.write(job).await.expect("the contract lets this write succeed")
}

/// One read that has to succeed.
async fn read<D: Store, T: Send + 'static>(
    store: &D,
    job: impl FnOnce(&dyn Transaction) -> Result<T, StoreError> + Send + 'static,
) -> T {
    store.read(job).await.expect("the contract lets this read succeed")
}

/// One write that has to be refused as a conflict.
async fn conflicts<D: Store, T: Send + 'static>(
    store: &D,
    job: impl FnMut(&mut dyn Transaction) -> Result<T, StoreError> + Send + 'static,
) {
    let refused = store.write(job).await.err();
    assert!(matches!(refused, Some(StoreError::Conflict(_))), "not a conflict: {refused:?}");
}
