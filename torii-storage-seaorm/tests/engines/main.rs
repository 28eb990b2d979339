//! The repositories on each of the databases.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "it is a test")]

mod lockouts;
mod metadata;
mod partitioning;
mod pools;
mod races;
mod registry;
mod sessions;
mod times;
mod token_races;
mod tokens;
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
    sessions what_cannot_be_stored;
    sessions a_session_known_by_its_digest;
    sessions long_texts_and_far_times_are_cut;
    registry tenants_are_registered_named_listed_and_purged;
    registry a_suspended_tenant_looks_empty_and_takes_nothing;
    registry an_id_belongs_to_one_user;
    tokens of_two_tokens_the_newer_one_works;
    token_races tokens_are_used_once;
    token_races tokens_issued_at_once_leave_one_that_works;
    token_races no_token_outlives_the_address_it_was_issued_for;
    token_races changes_of_one_user_do_not_fail_each_other;
    lockouts a_counter_starts_again_and_takes_back;
    lockouts an_attempt_is_taken_back_with_its_entry_in_the_log;
    lockouts a_user_is_locked_by_hand;
    races a_burst_gets_no_more_attempts_than_the_maximum;
    races states_and_challenges_are_taken_once;
    races an_identity_resolved_at_once_has_one_user;
    races accounts_unlinked_at_once_leave_one;
    metadata metadata_are_found_by_what_they_contain;
    metadata metadata_merged_at_once_are_all_there;
    metadata a_suspended_tenant_shows_and_takes_no_metadata;
    pools waiting_for_a_connection_ends;
    times far_times_are_kept;
}
