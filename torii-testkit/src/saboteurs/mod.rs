//! Providers that are wrong on purpose, each in one way, and the law that each must turn red.
//!
//! A law that has never failed proves nothing. A [`Saboteur`] hands every call on to a good provider, but for the few methods
//! that its [`Sabotage`] replaces. To add one: a line in the list of [`saboteurs!`](macro@crate::saboteurs), the wrong method in the
//! file of its noun, and its name in the table of `delegate.rs`.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use async_trait::async_trait;
use torii_core::{
    Clock, Error, RepositoryProvider, TenantId,
    repositories::{CleanupReport, CleanupRetention, CleanupScope},
};

use crate::{
    Provider,
    backend::{Backend, BoxError, Database, OpenOptions, RawDatabase},
    clock::ManualClock,
    run::{is_wanted, on_a_runtime},
    world::{NEIGHBOUR, ScopeUnderTest, World},
};

mod cleanup;
mod delegate;
mod isolation;
mod lockout;
mod metadata;
mod oauth;
mod passkey;
mod password;
mod session;
mod tenant;
mod token;
mod user;

/// Makes a test of every saboteur on one backend: `saboteurs!(column, path::to::Backend)`. They are named `<column>::<name>`, and
/// pass when the law that the saboteur breaks is red. The path must be absolute. Wrapped in `mod saboteurs { .. }` they stand
/// beside the laws of the same column.
#[macro_export]
macro_rules! saboteurs {
    ($column:ident, $backend:ty) => {
        mod $column {
            $crate::saboteurs! { @each tests [$backend] }
        }
    };
    (@each $then:ident [$($with:tt)*]) => {
        $crate::saboteurs! { @$then [$($with)*]
            /// Works in the neighbour's tenant, whatever it is asked for.
            forgets_the_tenant ForgetsTheTenant => registration::registering_creates_one_user;
            /// Has a database that accepts every row.
            refuses_no_row RefusesNoRow => schema::a_row_joins_no_two_tenants;
            /// Gives whoever registers a taken address its owner's account.
            overwrites_the_password OverwritesThePassword => registration::registering_a_taken_address_changes_nothing;
            /// Finds an address only as it was typed first.
            compares_addresses_as_typed ComparesAddressesAsTyped => user::an_address_is_one_person;
            /// Says that it updated a user who does not exist.
            updates_nobody UpdatesNobody => user::updates_that_cannot_be_are_refused;
            /// Deletes whoever has the address that a user moves to.
            moves_in_by_force MovesInByForce => user::a_taken_address_stays_its_owners;
            /// Verifies an address the first time only.
            verifies_once VerifiesOnce => user::verifying_sets_the_time;
            /// Says that every page is the last one.
            ends_lists_early EndsListsEarly => user::lists_have_everybody_once;
            /// Answers the first page whatever page is asked for.
            repeats_pages RepeatsPages => user::pages_survive_changes;
            /// Deletes no user.
            deletes_nobody DeletesNobody => session::sessions_of_a_deleted_user_are_gone;
            /// Keeps sessions for a day longer.
            ends_sessions_late EndsSessionsLate => session::a_session_ends_at_its_end;
            /// Ends sessions at their last moment, where it looks for the user too.
            ends_sessions_early EndsSessionsEarly => session::a_session_ends_at_its_end;
            /// Refreshes sessions that are over.
            revives_sessions RevivesSessions => session::reading_a_session_deletes_nothing;
            /// Leaves the old token of a refreshed session in force.
            keeps_the_old_token KeepsTheOldToken => refresh::refreshing_replaces_the_token;
            /// Refreshes sessions to an earlier end.
            shortens_sessions ShortensSessions => refresh::refreshing_never_shortens;
            /// Refreshes sessions for ever.
            refreshes_without_end RefreshesWithoutEnd => refresh::refreshing_has_an_end;
            /// Revokes no session.
            revokes_nothing RevokesNothing => session::revoking_ends_one_session;
            /// Revokes all sessions of the user.
            revokes_everything RevokesEverything => session::revoking_ends_one_session;
            /// Ends a session whoever asks.
            revokes_what_anybody_lists RevokesWhatAnybodyLists => session::a_listed_session_ends_for_its_user_only;
            /// Says that a listed session ended, and leaves it.
            revokes_nothing_listed RevokesNothingListed => session::a_listed_session_ends_for_its_user_only;
            /// Lists sessions in the wrong order.
            lists_the_oldest_first ListsTheOldestFirst => session::a_list_has_what_is_not_over;
            /// Begins sessions of users who do not exist.
            signs_nobody_in SignsNobodyIn => session::nobody_has_no_session;
            /// Changes a password, and leaves the sessions.
            changes_and_keeps_sessions ChangesAndKeepsSessions => password::changing_a_password_ends_sessions;
            /// Changes a password, and leaves the reset tokens.
            changes_and_keeps_reset_tokens ChangesAndKeepsResetTokens => password::changing_a_password_voids_reset_tokens;
            /// Changes a password, whatever it is by now.
            changes_whatever_it_was ChangesWhateverItWas => password::a_change_needs_the_hash_it_was_made_for;
            /// Takes no password for an empty one.
            takes_nothing_for_a_hash TakesNothingForAHash => password::passwords_are_given_and_taken;
            /// Never replaces an outdated hash.
            upgrades_nothing UpgradesNothing => password::outdated_hashes_are_replaced;
            /// Replaces a hash that somebody changed meanwhile.
            upgrades_anything UpgradesAnything => password::a_rehash_gives_way_to_a_change;
            /// Counts an attempt after its password was looked at.
            counts_afterwards CountsAfterwards => burst::a_burst_gets_no_further;
            /// Lifts a lock when the first attempt that led to it counts no more.
            unlocks_early UnlocksEarly => lockout::a_lock_lasts_as_announced;
            /// Prolongs a lock with every refused attempt.
            prolongs_locks ProlongsLocks => lockout::a_lock_lasts_as_announced;
            /// Counts for addresses that somebody owns only.
            spares_unknown_addresses SparesUnknownAddresses => lockout::unknown_addresses_lock_alike;
            /// Has a count for every spelling of an address.
            counts_spellings_apart CountsSpellingsApart => lockout::spellings_count_together;
            /// Counts passwords that were not looked at.
            releases_nothing ReleasesNothing => burst::a_password_not_looked_at_does_not_count;
            /// Does not clear the count when the right password comes.
            forgives_nothing ForgivesNothing => lockout::the_right_password_clears_the_count;
            /// Does not clear the count when it is told to.
            clears_nothing ClearsNothing => lockout::an_administrator_can_unlock;
            /// Marks a user as locked, and leaves the mark when the lock ends.
            leaves_users_locked LeavesUsersLocked => lockout::a_user_is_locked_as_long_as_the_lock;
            /// Locks an address again after a reset.
            resets_and_stays_locked ResetsAndStaysLocked => lockout::a_reset_lifts_the_lock;
            /// Has one count for an address in two tenants.
            counts_next_door CountsNextDoor => lockout::tenants_count_apart;
            /// Counts the whole log, whatever time it is asked for.
            counts_since_ever CountsSinceEver => lockout::the_log_has_every_wrong_password;
            /// Looks for a session twice.
            looks_twice LooksTwice => statements::checking_a_session_is_cheap;
            /// Looks at the tenant before every sign-in.
            asks_for_the_tenant_first AsksForTheTenantFirst => statements::signing_in_is_cheap;
            /// Takes a mail token for any purpose.
            takes_any_token TakesAnyToken => token::token_serves_its_purpose_only;
            /// Accepts the mail tokens before the newest.
            keeps_older_tokens KeepsOlderTokens => token::token_voids_older_ones;
            /// Keeps the proof of an address when the address changes.
            keeps_the_proof_of_an_old_address KeepsTheProofOfAnOldAddress => token::token_dies_with_the_address;
            /// Consumes a verification token and leaves the address unproven.
            verifies_nothing VerifiesNothing => email_verification::verification_token_verifies_once;
            /// Keeps verification tokens for longer than they say.
            prolongs_verification_tokens ProlongsVerificationTokens => email_verification::verification_token_lives_24_hours;
            /// Keeps reset tokens for longer than they say.
            prolongs_reset_tokens ProlongsResetTokens => password_reset::reset_token_lives_15_minutes;
            /// Accepts a reset token again after it was used.
            resets_twice ResetsTwice => password_reset::reset_sets_the_password_once;
            /// Leaves the sessions that a reset must end.
            resets_and_keeps_sessions ResetsAndKeepsSessions => password_reset::reset_ends_all_sessions;
            /// Leaves the passkeys that were set up before the owner of the address came.
            resets_for_a_squatter ResetsForASquatter => password_reset::reset_ends_what_a_squatter_set_up;
            /// Lets a magic link in again after it was used.
            follows_a_link_twice FollowsALinkTwice => magic_link::magic_link_signs_in_once;
            /// Leaves the password that was set before the owner of the address came.
            trusts_a_squatter TrustsASquatter => magic_link::magic_link_ends_what_a_squatter_set_up;
            /// Looks at the counter before a change of password, and counts afterwards.
            looks_then_reserves LooksThenReserves => burst::a_burst_of_changes_gets_no_further;
            /// Looks whether a token works, and consumes it afterwards.
            consumes_what_it_saw ConsumesWhatItSaw => races::race_for_a_stored_token_has_one_winner;
            /// Takes whoever comes with an address for its owner.
            links_by_address_alone LinksByAddressAlone => oauth::oauth_never_links_to_an_unproven_user;
            /// Does not hear that the provider has not proven the address.
            trusts_every_provider TrustsEveryProvider => oauth::oauth_never_links_an_unproven_identity;
            /// Takes an identity away from whoever has it.
            links_by_force LinksByForce => oauth::oauth_identity_has_one_user;
            /// Unlinks the last way to sign in.
            unlinks_the_last_method UnlinksTheLastMethod => oauth::oauth_unlink_refuses_the_last_method;
            /// Looks whether an account is left, and unlinks afterwards.
            looks_then_unlinks LooksThenUnlinks => races::race_to_unlink_leaves_one_account;
            /// Gives a PKCE verifier out as often as it is asked for.
            gives_a_state_out_twice GivesAStateOutTwice => oauth::oauth_state_works_once;
            /// Reads a PKCE verifier, and deletes it afterwards.
            reads_then_deletes_a_state ReadsThenDeletesAState => races::race_for_an_oauth_state_has_one_winner;
            /// Keeps a PKCE verifier for longer than it was told to.
            prolongs_states ProlongsStates => oauth::oauth_state_expires;
            /// Does not look at the counter of a passkey.
            ignores_counters IgnoresCounters => passkey::passkey_counter_moves_forward_only;
            /// Compares the counter of a passkey, and stores it afterwards.
            compares_then_counts ComparesThenCounts => races::race_with_one_counter_has_one_winner;
            /// Replaces a passkey that is registered already.
            overwrites_passkeys OverwritesPasskeys => passkey::passkey_id_is_registered_once;
            /// Lets a ceremony be completed again.
            replays_ceremonies ReplaysCeremonies => ceremony::passkey_ceremony_works_once;
            /// Reads a challenge, and consumes it afterwards.
            reads_then_takes_a_challenge ReadsThenTakesAChallenge => races::race_for_a_passkey_ceremony_has_one_winner;
            /// Keeps a challenge for longer than it was told to.
            prolongs_ceremonies ProlongsCeremonies => ceremony::passkey_ceremony_expires;
            /// Renames a passkey whoever asks.
            renames_any_passkey RenamesAnyPasskey => passkey::a_passkey_is_renamed_by_its_user_only;
            /// Deletes one passkey of a user instead of all.
            deletes_one_passkey_of_all DeletesOnePasskeyOfAll => passkey::passkeys_can_be_deleted;
            /// Says that a tenant is suspended, and does nothing.
            pretends_to_suspend PretendsToSuspend => suspension::suspended_tenant_signs_nobody_in;
            /// Leaves the users of a purged tenant behind.
            purges_half PurgesHalf => tenant::purge_removes_everything;
            /// Purges the tenant next door too.
            purges_the_neighbour_too PurgesTheNeighbourToo => tenant::purge_leaves_the_others;
            /// Registers a tenant because somebody looked for a user in it.
            registers_on_reading RegistersOnReading => tenant::tenant_is_not_registered_by_reads;
            /// Takes two ids that differ by case for one tenant.
            folds_tenant_ids FoldsTenantIds => tenant::tenant_ids_are_case_sensitive;
            /// Finds a user by id in whatever tenant.
            finds_anybody FindsAnybody => isolation::foreign_user_id_reads_nothing;
            /// Reads the password hash of a user of whatever tenant.
            reads_any_hash ReadsAnyHash => isolation::foreign_user_id_reads_nothing;
            /// Deletes a user by id in whatever tenant.
            deletes_anybody DeletesAnybody => isolation::foreign_user_id_deletes_nothing;
            /// Finds a session in whatever tenant.
            finds_any_session FindsAnySession => isolation::foreign_session_is_nothing;
            /// Ends a session in whatever tenant.
            revokes_any_session RevokesAnySession => isolation::foreign_session_is_nothing;
            /// Consumes a mail token of whatever tenant.
            consumes_any_token ConsumesAnyToken => isolation::foreign_mail_token_is_nothing;
            /// Takes an OAuth state of whatever tenant.
            takes_any_state TakesAnyState => isolation::foreign_state_challenge_and_passkey_are_nothing;
            /// Finds a passkey in whatever tenant.
            finds_any_passkey FindsAnyPasskey => isolation::foreign_state_challenge_and_passkey_are_nothing;
            /// Finds an OAuth identity in whatever tenant.
            finds_any_identity FindsAnyIdentity => isolation::foreign_identity_is_somebody_new;
            /// Counts the users next door too.
            counts_two_tenants CountsTwoTenants => isolation::lists_and_counts_are_of_one_tenant;
            /// Counts the users of all tenants.
            counts_all_tenants CountsAllTenants => noninterference::traffic_next_door_changes_nothing;
            /// Looks for an address, and registers it afterwards.
            looks_then_registers LooksThenRegisters => races::race_to_register_has_one_winner;
            /// Sweeps nothing.
            sweeps_nothing SweepsNothing => cleanup::cleanup_removes_what_is_over;
            /// Sweeps sessions that are not over.
            sweeps_live_sessions SweepsLiveSessions => cleanup::cleanup_keeps_what_is_alive;
            /// Sweeps every tenant when asked for one.
            sweeps_every_tenant SweepsEveryTenant => cleanup::cleanup_covers_its_scope;
            /// Counts one batch of what it swept.
            sweeps_one_batch SweepsOneBatch => cleanup::cleanup_works_in_batches;
            /// Looks whose identity it is, and creates a user afterwards.
            looks_then_resolves LooksThenResolves => races::race_with_a_new_identity_creates_one_user;
            /// Lists accounts oldest first.
            lists_accounts_backwards ListsAccountsBackwards => oauth::oauth_accounts_are_listed_newest_first;
            /// Says that an account was linked when it was looked for.
            invents_times InventsTimes => oauth::oauth_accounts_are_listed_newest_first;
            /// Keeps the first PKCE verifier of a state.
            keeps_the_first_state KeepsTheFirstState => oauth::oauth_state_can_be_overwritten;
            /// Lists passkeys oldest first.
            lists_passkeys_backwards ListsPasskeysBackwards => passkey::passkeys_are_listed_newest_first;
            /// Finds a user of a suspended tenant.
            shows_suspended_users ShowsSuspendedUsers => suspension::suspended_tenant_shows_nothing;
            /// Registers a user in a suspended tenant.
            registers_in_suspended_tenants RegistersInSuspendedTenants => suspension::suspended_tenant_refuses_writes;
            /// Suspends the tenant next door too.
            suspends_the_neighbour_too SuspendsTheNeighbourToo => suspension::suspension_is_one_tenants_affair;
            /// Registers a tenant although only registered ones are accepted.
            registers_anyway RegistersAnyway => registered_tenants::unregistered_tenant_refuses_writes;
            /// Loses the user of one tenant in a hundred.
            loses_some LosesSome => races::race_of_a_thousand_tenants_loses_nothing;
            /// Sets the password hash of a user of whatever tenant.
            sets_any_hash SetsAnyHash => isolation::foreign_user_id_is_given_nothing;
            /// Compares with the password of whoever has the address next door.
            compares_any_password ComparesAnyPassword => isolation::foreign_password_is_wrong_here;
            /// Finds a lockout of whatever tenant.
            finds_any_lockout FindsAnyLockout => isolation::foreign_lock_is_not_ours;
            /// Keeps the ids of passkeys unique over all tenants.
            knows_all_passkeys KnowsAllPasskeys => isolation::same_names_coexist;
            /// Reads metadata, and writes what came of the patch afterwards.
            reads_then_merges ReadsThenMerges => metadata::merging_at_once_loses_nothing;
            /// Puts a patch in the place of all metadata.
            takes_a_patch_for_the_whole TakesAPatchForTheWhole => metadata::merging_changes_what_the_patch_names;
            /// Finds users of the tenant next door by their metadata.
            finds_metadata_next_door FindsMetadataNextDoor => metadata::metadata_next_door_are_never_found;
            /// Finds those whose values are equal, not those that contain the wanted ones.
            finds_equal_values_only FindsEqualValuesOnly => metadata::finding_is_containment;
            /// Says that every page of those who are found is the last one.
            finds_one_page_of_metadata FindsOnePageOfMetadata => metadata::pages_by_metadata_have_everybody_once;
        }
    };
    (@tests [$backend:ty] $($(#[$doc:meta])* $name:ident $sabotage:ident => $noun:ident::$law:ident;)*) => {
        $(
            $(#[$doc])*
            #[test]
            fn $name() {
                let sabotage = $crate::saboteurs::Sabotage::$sabotage;
                $crate::saboteurs::catch::<$backend>(sabotage, stringify!($noun), $crate::laws::$noun::$law);
            }
        )*
    };
    (@enumerate [] $($(#[$doc:meta])* $name:ident $sabotage:ident => $noun:ident::$law:ident;)*) => {
        /// What a saboteur does wrong.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum Sabotage {
            $($(#[$doc])* $sabotage,)*
        }
    };
}

crate::saboteurs! { @each enumerate [] }

/// A provider that is wrong on purpose, once it is armed.
#[derive(Clone)]
pub struct Saboteur<P> {
    inner: P,
    /// The same storage in the neighbour's tenant.
    astray: P,
    sabotage: Sabotage,
    shared: Arc<Shared>,
}

/// What the saboteurs of all tenants share.
#[derive(Default)]
struct Shared {
    armed: AtomicBool,
    strikes: AtomicUsize,
    memory: Mutex<Vec<String>>,
}

impl<P: Provider> Saboteur<P> {
    /// Whether the method that asks is to be wrong in this way.
    fn strikes(&self, sabotage: Sabotage) -> bool {
        let strikes = self.sabotage == sabotage && self.shared.armed.load(Ordering::SeqCst);
        if strikes {
            self.shared.strikes.fetch_add(1, Ordering::SeqCst);
        }
        strikes
    }

    /// Where calls go.
    fn target(&self) -> &P {
        if self.strikes(Sabotage::ForgetsTheTenant) { &self.astray } else { &self.inner }
    }

    /// What wrong methods remember from one call to another.
    fn memory(&self) -> MutexGuard<'_, Vec<String>> {
        self.shared.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl<P: Provider> RepositoryProvider for Saboteur<P> {
    fn tenant_id(&self) -> &TenantId {
        self.inner.tenant_id()
    }

    fn for_tenant(&self, tenant: TenantId) -> Self {
        let tenant = if self.strikes(Sabotage::FoldsTenantIds) { tenant::fold_case(&tenant) } else { tenant };
        Self { inner: self.inner.for_tenant(tenant), ..self.clone() }
    }

    fn clock(&self) -> Arc<dyn Clock> {
        self.inner.clock()
    }

    async fn migrate(&self) -> Result<(), Error> {
        self.inner.migrate().await
    }

    async fn health_check(&self) -> Result<(), Error> {
        self.inner.health_check().await
    }

    async fn cleanup(&self, scope: CleanupScope, retention: CleanupRetention) -> Result<CleanupReport, Error> {
        match cleanup::wrong(self, scope, retention).await {
            Some(result) => result,
            None => self.target().cleanup(scope, retention).await,
        }
    }
}

/// Runs a law on a saboteur.
///
/// # Panics
/// If the law does not notice, or the saboteur never had its chance.
pub fn catch<B: Backend>(sabotage: Sabotage, noun: &str, law: impl AsyncFnOnce(&World<Saboteur<B::Provider>>)) {
    if !is_wanted(B::NAME) {
        return;
    }
    let shared = Arc::new(Shared::default());
    let sabotaged = async {
        let options = OpenOptions::for_laws_of(noun);
        let clock = ManualClock::default();
        let Database { provider, raw } = B::open(Arc::new(clock.clone()), options).await;
        let astray = provider.for_tenant(NEIGHBOUR);
        let provider = Saboteur { inner: provider, astray, sabotage, shared: Arc::clone(&shared) };
        let raw = Arc::new(SabotagedDatabase { inner: raw, sabotage, shared: Arc::clone(&shared) });
        let world = World::new(Database { provider, raw }, clock, ScopeUnderTest::NamedTenant, B::BUDGET).await;
        world.move_in_neighbour().await;
        shared.armed.store(true, Ordering::SeqCst);
        law(&world).await;
        shared.armed.store(false, Ordering::SeqCst);
        world.assert_neighbour_unchanged().await;
    };
    let outcome = catch_unwind(AssertUnwindSafe(|| on_a_runtime(sabotaged)));
    let strikes = shared.strikes.load(Ordering::SeqCst);
    assert!(strikes > 0, "the law gives {sabotage:?} no chance");
    assert!(outcome.is_err(), "the law does not notice {sabotage:?}, which struck {strikes} times");
}

/// A database that lets through what it should refuse.
struct SabotagedDatabase {
    inner: Arc<dyn RawDatabase>,
    sabotage: Sabotage,
    shared: Arc<Shared>,
}

#[async_trait]
impl RawDatabase for SabotagedDatabase {
    async fn execute(&self, statement: &'static str) -> Result<u64, BoxError> {
        let result = self.inner.execute(statement).await;
        if result.is_err() && self.sabotage == Sabotage::RefusesNoRow {
            self.shared.strikes.fetch_add(1, Ordering::SeqCst);
            return Ok(1);
        }
        result
    }

    async fn count(&self, statement: &'static str) -> Result<i64, BoxError> {
        self.inner.count(statement).await
    }
}
