//! The repositories on each of the databases.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "it is a test")]

mod identities;
mod lockouts;
mod passwords;
mod races;
mod registry;
mod sessions;
mod token_races;
mod tokens;
mod users;
mod world;

/// Names each test once per database.
macro_rules! on_every_engine {
    ($($module:ident $test:ident;)*) => {
        on_every_engine!(mysql Mysql $($module $test;)*);
        on_every_engine!(postgres Postgres $($module $test;)*);
        on_every_engine!(sqlite Sqlite $($module $test;)*);
    };
    ($name:ident $engine:ident $($module:ident $test:ident;)*) => {
        mod $name {
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $test() {
                    crate::$module::$test(crate::world::Engine::$engine).await;
                }
            )*
        }
    };
}

on_every_engine! {
    sessions a_session_lives_and_ends;
    sessions what_cannot_be_stored;
    sessions a_session_known_by_its_digest;
    sessions long_texts_and_far_times_are_cut;
    sessions sessions_are_refreshed_under_a_new_token;
    sessions all_sessions_of_a_user_end_together;
    users a_user_is_created_found_and_deleted;
    users find_or_create_creates;
    users users_are_listed_page_by_page;
    users tenants_do_not_see_each_other;
    registry tenants_are_registered_named_listed_and_purged;
    registry a_suspended_tenant_looks_empty_and_takes_nothing;
    registry registered_tenants_only;
    registry a_moved_address_loses_its_proof_and_tokens;
    registry an_id_belongs_to_one_user;
    registry signing_in_clears_what_counted;
    registry a_lockout_in_force_shows_at_the_user;
    registry expired_sessions_are_swept;
    passwords hashes_are_set_read_and_removed;
    passwords a_changed_password_ends_sessions_and_reset_tokens;
    passwords a_reset_replaces_everything_at_once;
    passwords a_suspended_tenant_sets_no_password_and_takes_no_token;
    tokens a_token_works_once;
    tokens issuing_voids_the_tokens_before;
    tokens of_two_tokens_the_newer_one_works;
    tokens a_magic_link_signs_in_and_proves_the_address;
    tokens a_verification_token_proves_the_address;
    token_races tokens_are_used_once;
    token_races tokens_issued_at_once_leave_one_that_works;
    token_races no_token_outlives_the_address_it_was_issued_for;
    token_races changes_of_one_user_do_not_fail_each_other;
    lockouts attempts_are_counted_until_the_address_is_locked;
    lockouts a_counter_starts_again_and_takes_back;
    lockouts the_log_of_wrong_passwords;
    lockouts a_user_is_locked_by_hand;
    identities an_identity_is_resolved;
    identities the_last_way_to_sign_in_stays;
    identities states_and_challenges_work_once;
    identities passkeys_count_their_uses;
    identities a_suspended_tenant_takes_no_identity;
    races a_burst_gets_no_more_attempts_than_the_maximum;
    races states_and_challenges_are_taken_once;
    races an_identity_resolved_at_once_has_one_user;
    races accounts_unlinked_at_once_leave_one;
}
