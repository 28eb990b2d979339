//! The laws, and the one list of them.
//!
//! A law is a function with one sentence that says the rule. It gets a [`World`](crate::world::World) and panics when the rule
//! is broken. It never sleeps: time moves by the world's clock. It is written once and runs as it is on every backend.
//!
//! To add one: write it in the module of its noun, and add its name to the list in [`laws!`](macro@crate::laws). A test checks that no
//! law is missing there.

mod expectation;

pub mod burst;
pub mod ceremony;
pub mod cleanup;
pub mod email_verification;
pub mod invalid_tenants;
pub mod isolation;
pub mod lockout;
pub mod magic_link;
pub mod mail;
pub mod metadata;
pub mod noninterference;
pub mod oauth;
pub mod passkey;
pub mod password;
pub mod password_reset;
pub mod races;
pub mod refresh;
pub mod registered_tenants;
pub mod registration;
pub mod schema;
pub mod session;
pub mod signed_tokens;
pub mod statements;
pub mod suspension;
pub mod tenant;
pub mod token;
pub mod user;

#[cfg(test)]
mod tests;

/// Makes a test of every law, on one backend: `laws!(column, path::to::Backend)`.
///
/// The tests are named `column::default_tenant::<law>` and `column::named_tenant::<law>`. The path must be absolute
/// (`crate::..` or `some_crate::..`), because it is used inside new modules.
#[macro_export]
macro_rules! laws {
    ($column:ident, $backend:ty) => {
        mod $column {
            mod default_tenant {
                $crate::laws! { @list DefaultTenant $backend }
            }
            mod named_tenant {
                $crate::laws! { @list NamedTenant $backend }
            }
        }
    };
    (@list $scope:ident $backend:ty) => {
        $crate::laws! { @tests $scope $backend;
            registration {
                registering_creates_one_user
                registering_keeps_the_name
                registering_a_taken_address_changes_nothing
                registering_hashes_once_either_way
                bad_addresses_are_refused
                the_longest_address_works
                finding_or_creating_creates_once
                a_given_id_is_kept
            }
            user {
                an_address_is_one_person
                adopted_spellings_stay_apart
                unknown_users_are_not_found
                changes_to_unknown_users_do_nothing
                verifying_sets_the_time
                updating_writes_name_and_address
                a_new_address_is_not_verified
                a_taken_address_stays_its_owners
                updates_that_cannot_be_are_refused
                lists_have_everybody_once
                pages_survive_changes
                an_empty_tenant_has_nobody
                deleting_frees_the_address
                changes_of_users_are_events
                the_neighbours_namesake_is_somebody_else
            }
            metadata {
                metadata_are_what_was_set_last
                metadata_go_with_their_user
                metadata_come_back_unchanged
                merging_changes_what_the_patch_names
                a_merge_beyond_the_bounds_changes_nothing
                nobody_has_no_metadata
                merging_at_once_loses_nothing
                finding_is_containment
                pages_by_metadata_have_everybody_once
                metadata_next_door_are_never_found
            }
            password {
                refusals_are_alike
                every_sign_in_begins_a_session
                unverified_users_sign_in
                nonsense_does_not_sign_in
                passwords_have_bounds
                passwords_are_given_and_taken
                an_empty_hash_is_no_password
                old_short_passwords_sign_in
                outdated_hashes_are_replaced
                a_rehash_gives_way_to_a_change
                changing_a_password_ends_sessions
                changing_a_password_voids_reset_tokens
                a_password_may_be_changed_to_itself
                a_refused_change_changes_nothing
                changing_an_unknown_users_password_is_refused
                guessing_the_old_password_locks
                a_change_needs_the_hash_it_was_made_for
                long_user_agents_are_cut
                setting_a_password_is_a_change
            }
            session {
                a_session_is_found_by_its_token
                tokens_are_new_each_time
                a_session_ends_at_its_end
                other_tokens_find_nobody
                nobody_has_no_session
                sessions_of_a_deleted_user_are_gone
                revoking_ends_one_session
                a_listed_session_ends_for_its_user_only
                all_sessions_of_a_user_end_together
                a_list_has_what_is_not_over
                absurd_lifetimes_are_for_ever
                storing_a_session_binds_it_to_the_tenant
                reading_a_session_deletes_nothing
                storage_says_whose_session_ended
                sessions_are_events
            }
            refresh {
                refreshing_replaces_the_token
                refreshing_never_shortens
                refreshing_has_an_end
                beginning_has_an_end_too
                a_shorter_lifetime_cuts_old_sessions
            }
            signed_tokens {
                signed_tokens_keep_the_lifetime
                signed_tokens_are_checked
            }
            lockout {
                the_fifth_wrong_password_locks
                a_locked_address_is_refused
                a_lock_lasts_as_announced
                the_count_begins_anew_after_a_lock
                old_wrong_passwords_count_no_more
                the_right_password_clears_the_count
                the_right_password_clears_the_count_without_a_row
                passwords_checked_elsewhere_count
                a_reset_lifts_the_lock
                unknown_addresses_lock_alike
                spellings_count_together
                over_long_addresses_are_counted_briefly
                protection_can_be_off
                the_status_says_what_counts
                a_user_is_locked_as_long_as_the_lock
                an_administrator_can_unlock
                a_stored_lock_is_told_and_cleared
                lockouts_are_events
                tenants_count_apart
                limits_are_configurable
                absurd_periods_are_for_ever
                the_log_has_every_wrong_password
            }
            burst {
                a_burst_gets_no_further
                a_burst_of_changes_gets_no_further
                a_burst_does_not_let_the_sixth_in
                a_password_not_looked_at_does_not_count
            }
            statements {
                reading_a_user_is_cheap
                checking_a_session_is_cheap
                managing_sessions_is_cheap
                registering_is_cheap
                bad_input_costs_nothing
                signing_in_is_cheap
                changing_a_password_is_cheap
                resetting_a_password_is_cheap
                magic_links_are_cheap
                verifying_an_address_is_cheap
                known_identities_are_cheap
                deleting_a_user_is_cheap
                metadata_are_cheap
            }
            schema {
                a_row_joins_no_two_tenants
                every_row_has_a_tenant
                the_database_knows_a_tenant_id
                the_database_knows_an_address_once
                deleting_a_user_takes_everything
                purging_a_tenant_takes_everything
                migrating_again_changes_nothing
            }
            email_verification {
                verification_token_verifies_once
                verification_token_lives_24_hours
                verification_refuses_what_is_no_token
                verification_needs_a_user
                verification_can_be_repeated
                verification_mail_goes_to_the_user
            }
            token {
                token_serves_its_purpose_only
                token_voids_older_ones
                token_dies_with_the_address
                token_survives_another_spelling
                token_dies_with_the_user
                token_is_random_and_stored_as_a_digest
                token_is_consumed_once
            }
            password_reset {
                reset_of_an_unknown_address_is_silent
                reset_sets_the_password_once
                reset_ends_what_a_squatter_set_up
                reset_keeps_what_its_owner_set_up
                reset_ends_all_sessions
                reset_with_a_weak_password_keeps_the_token
                reset_tokens_end_with_the_password
                reset_lifts_the_lock
                reset_gives_a_first_password
                reset_token_lives_15_minutes
                reset_refuses_what_is_no_token
                reset_mails_go_to_the_stored_address
                reset_does_not_verify_the_address
            }
            magic_link {
                magic_link_creates_its_user_once
                magic_link_signs_in_once
                magic_link_lives_15_minutes
                magic_link_ends_what_a_squatter_set_up
                magic_link_keeps_what_its_owner_set_up
                magic_link_ignores_the_lock
                magic_link_begins_a_signed_session
                magic_link_refuses_what_is_no_token
                magic_link_needs_an_address
                magic_link_mail_holds_exactly_the_link
                magic_link_with_a_bad_base_writes_nothing
            }
            mail {
                mail_welcomes_new_users_only
                mail_is_sent_for_nothing_else
                mail_announces_a_changed_password
                mail_to_one_address_is_limited
                mail_is_sent_in_the_background
                mail_failure_is_an_event
            }
            oauth {
                oauth_creates_a_user
                oauth_knows_its_users
                oauth_ignores_the_lock
                oauth_never_links_to_an_unproven_user
                oauth_links_to_a_proven_user
                oauth_never_links_an_unproven_identity
                oauth_takes_the_providers_word_for_new_users
                oauth_identity_has_one_user
                oauth_links_to_known_users_only
                oauth_refuses_bad_identities
                oauth_lookup_changes_nothing
                oauth_accounts_are_listed_newest_first
                oauth_unlink_refuses_the_last_method
                oauth_unlink_counts_other_methods
                oauth_identity_is_free_again
                oauth_state_works_once
                oauth_state_expires
                oauth_state_can_be_overwritten
            }
            ceremony {
                passkey_registers_then_signs_in
                passkey_ceremony_works_once
                passkey_ceremony_bears_no_second_try
                passkey_ceremony_expires
                passkey_ceremonies_are_of_one_kind
                passkey_registration_is_for_one_user
                passkey_ignores_the_lock
                passkey_refuses_bad_answers
                passkey_refuses_a_counter_that_does_not_grow
                passkey_use_is_recorded
                passkey_registration_excludes_known_ones
                passkey_of_another_tenant_signs_nobody_in
            }
            passkey {
                passkey_registration_needs_a_user
                passkey_counter_moves_forward_only
                passkey_signs_in_by_id
                passkey_id_is_registered_once
                passkeys_are_listed_newest_first
                passkeys_can_be_deleted
                a_passkey_is_renamed_by_its_user_only
                passkeys_go_with_their_user
                passkey_challenge_is_taken_once
            }
            tenant {
                tenant_is_registered_by_its_first_write
                tenant_is_not_registered_by_reads
                tenant_can_be_registered_by_hand
                tenants_are_listed_by_id
                tenant_ids_are_case_sensitive
                purge_removes_everything
                purge_leaves_the_others
                purge_keeps_the_default_tenant
            }
            suspension {
                suspended_tenant_signs_nobody_in
                suspended_tenant_shows_nothing
                suspended_tenant_refuses_writes
                suspended_tenant_comes_back_whole
                suspension_is_one_tenants_affair
                suspension_needs_a_registered_tenant
            }
            registered_tenants {
                unregistered_tenant_refuses_writes
                registered_tenant_accepts_writes
            }
            invalid_tenants {
                invalid_tenant_id_is_refused_without_a_statement
                invalid_tenant_id_is_never_registered
            }
            isolation {
                foreign_user_id_reads_nothing
                foreign_user_id_is_given_nothing
                foreign_user_id_deletes_nothing
                foreign_session_is_nothing
                foreign_mail_token_is_nothing
                foreign_state_challenge_and_passkey_are_nothing
                same_names_coexist
                foreign_identity_is_somebody_new
                foreign_password_is_wrong_here
                foreign_lock_is_not_ours
                same_token_is_stored_differently
                same_secrets_are_stored_differently
                lists_and_counts_are_of_one_tenant
                foreign_user_id_cannot_be_taken
            }
            noninterference {
                traffic_next_door_changes_nothing
            }
            races {
                race_for_a_magic_link_has_one_winner
                race_for_a_reset_token_has_one_winner
                race_for_a_verification_token_has_one_winner
                race_for_a_stored_token_has_one_winner
                race_for_an_oauth_state_has_one_winner
                race_for_a_challenge_has_one_winner
                race_for_a_passkey_ceremony_has_one_winner
                race_with_one_counter_has_one_winner
                race_for_a_credential_id_has_one_winner
                race_to_register_creates_one_user
                race_to_register_has_one_winner
                race_with_a_new_identity_creates_one_user
                race_with_a_proven_address_creates_one_user
                race_to_link_an_identity_has_one_winner
                race_to_unlink_leaves_one_account
                race_to_register_a_tenant_fails_nobody
                race_of_a_thousand_tenants_loses_nothing
            }
            cleanup {
                cleanup_removes_what_is_over
                cleanup_keeps_what_is_alive
                cleanup_covers_its_scope
                cleanup_works_in_batches
            }
        }
    };
    (@tests $scope:ident $backend:ty; $($noun:ident { $($law:ident)* })*) => {
        $($(
            #[test]
            fn $law() {
                let scope = $crate::world::ScopeUnderTest::$scope;
                $crate::run::run::<$backend>(scope, stringify!($noun), $crate::laws::$noun::$law);
            }
        )*)*
    };
}
