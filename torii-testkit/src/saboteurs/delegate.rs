//! Hands every call on, but for the methods that a sabotage replaces.

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use torii_core::{
    Error, FailedLoginAttempt, MetadataPatch, NewUser, OAuthAccount, Page, PageRequest, Registration, SecureToken,
    Session, SessionToken, Tenant, TenantStatus, TokenPurpose, User, UserId, UserMetadata,
    crypto::TokenDigest,
    lockout::{AttemptStats, Credentials, Lockout, LockoutLimits, ReservedAttempt},
    oauth::{OAuthIdentity, OAuthResolution},
    passkey::PasskeyCredential,
    repositories::{
        BruteForceProtectionRepository, BruteForceRepositoryProvider, IssuedToken, OAuthRepository,
        OAuthRepositoryProvider, PasskeyRepository, PasskeyRepositoryProvider, PasswordRepository,
        PasswordRepositoryProvider, SessionRepository, SessionRepositoryProvider, TenantRepository, TokenRepository,
        TokenRepositoryProvider, Unlinked, UserRepository, UserRepositoryProvider, token::SessionFor,
    },
    token::NewToken,
};

use super::{Sabotage, Saboteur, isolation, lockout, metadata, oauth, passkey, password, session, tenant, token, user};
use crate::Provider;

/// A saboteur is each of its repositories.
macro_rules! provide {
    ($($provider:ident $associated:ident $accessor:ident;)*) => {$(
        impl<P: Provider> $provider for Saboteur<P> {
            type $associated = Self;

            fn $accessor(&self) -> &Self {
                self
            }
        }
    )*};
}

provide! {
    UserRepositoryProvider UserRepo user;
    SessionRepositoryProvider SessionRepo session;
    PasswordRepositoryProvider PasswordRepo password;
    OAuthRepositoryProvider OAuthRepo oauth;
    PasskeyRepositoryProvider PasskeyRepo passkey;
    TokenRepositoryProvider TokenRepo token;
    BruteForceRepositoryProvider BruteForceRepo brute_force;
}

/// The tenant registry of a provider is the provider itself.
trait Itself {
    fn itself(&self) -> &Self {
        self
    }
}

impl<P: Provider> Itself for P {}

/// `unless Sabotage => noun::function(arguments)` calls `noun::function(saboteur, arguments)` instead.
macro_rules! delegate {
    ($($repository:ident through $accessor:ident {
        $(fn $method:ident($($argument:ident: $type:ty),*) -> $result:ty
            $(, unless $sabotage:ident => $noun:ident::$wrong:ident($($passed:ident),*))*;)*
    })*) => {$(
        #[async_trait]
        impl<P: Provider> $repository for Saboteur<P> {
            $(async fn $method(&self, $($argument: $type),*) -> Result<$result, Error> {
                $(if self.strikes(Sabotage::$sabotage) {
                    return $noun::$wrong(self, $($passed),*).await;
                })*
                self.target().$accessor().$method($($argument),*).await
            })*
        }
    )*};
}

delegate! {
    UserRepository through user {
        fn create(user: NewUser) -> User;
        fn register(user: NewUser, password_hash: &str) -> Registration
            , unless OverwritesThePassword => user::register_and_overwrite(user, password_hash)
            , unless LooksThenRegisters => isolation::look_then_register(user, password_hash)
            , unless RegistersInSuspendedTenants => tenant::register_in_a_suspended_tenant(user, password_hash)
            , unless RegistersAnyway => tenant::register_anyway(user, password_hash)
            , unless LosesSome => tenant::register_and_lose_some(user, password_hash);
        fn find_by_id(id: &UserId) -> Option<User>
            , unless FindsAnybody => isolation::find_anybody(id)
            , unless ShowsSuspendedUsers => tenant::find_in_a_suspended_tenant(id);
        fn find_by_email(email: &str) -> Option<User>
            , unless ComparesAddressesAsTyped => user::find_as_typed(email)
            , unless RegistersOnReading => tenant::register_on_reading(email);
        fn find_or_create_by_email(email: &str) -> User;
        fn update(user: &User) -> User
            , unless UpdatesNobody => user::update_anybody(user)
            , unless MovesInByForce => user::update_by_force(user)
            , unless KeepsTheProofOfAnOldAddress => token::update_and_stay_verified(user);
        fn delete(id: &UserId) -> ()
            , unless DeletesNobody => user::delete_nobody(id)
            , unless DeletesAnybody => isolation::delete_anybody(id);
        fn mark_email_verified(id: &UserId) -> ()
            , unless VerifiesOnce => user::verify_once(id);
        fn page(request: &PageRequest) -> Page<User>
            , unless EndsListsEarly => user::page_without_next(request)
            , unless RepeatsPages => user::first_page(request);
        fn count() -> u64
            , unless CountsTwoTenants => isolation::count_two_tenants()
            , unless CountsAllTenants => isolation::count_all_tenants();
        fn metadata(id: &UserId) -> Option<UserMetadata>;
        fn set_metadata(id: &UserId, metadata: &UserMetadata) -> ();
        fn merge_metadata(id: &UserId, patch: &MetadataPatch) -> UserMetadata
            , unless ReadsThenMerges => metadata::read_then_merge(id, patch)
            , unless TakesAPatchForTheWhole => metadata::replace_by_patch(id, patch);
        fn page_by_metadata(filter: &UserMetadata, request: &PageRequest) -> Page<User>
            , unless FindsMetadataNextDoor => metadata::find_next_door(filter, request)
            , unless FindsEqualValuesOnly => metadata::find_equal_values(filter, request)
            , unless FindsOnePageOfMetadata => metadata::find_the_first_page(filter, request);
    }

    SessionRepository through session {
        fn create(session: Session) -> Session
            , unless SignsNobodyIn => session::create_for_anybody(session);
        fn create_and_clear_attempts(session: Session, email: &str) -> Session
            , unless ForgivesNothing => session::create_and_forgive_nothing(session);
        fn find_by_token(token: &SessionToken) -> Option<Session>
            , unless EndsSessionsLate => session::find_endless(token)
            , unless LooksTwice => session::find_twice(token)
            , unless FindsAnySession => isolation::find_any_session(token);
        fn find_with_user(token: &SessionToken) -> Option<(User, Session)>
            , unless EndsSessionsLate => session::find_endless_with_user(token)
            , unless EndsSessionsEarly => session::find_before_the_end(token);
        fn delete(token: &SessionToken) -> ();
        fn revoke(token: &SessionToken) -> Option<UserId>
            , unless RevokesNothing => session::revoke_nothing(token)
            , unless RevokesEverything => session::revoke_everything(token)
            , unless RevokesAnySession => isolation::revoke_any_session(token);
        fn revoke_listed(user_id: &UserId, token_hash: &str) -> bool
            , unless RevokesWhatAnybodyLists => session::revoke_whoever_lists(user_id, token_hash)
            , unless RevokesNothingListed => session::revoke_nothing_listed(user_id, token_hash);
        fn delete_by_user_id(user_id: &UserId) -> ();
        fn cleanup_expired() -> ();
        fn find_by_user_id(user_id: &UserId) -> Vec<Session>
            , unless ListsTheOldestFirst => session::list_oldest_first(user_id);
        fn refresh(token: &SessionToken, expires_in: TimeDelta) -> Session
            , unless RevivesSessions => session::refresh_what_is_over(token, expires_in);
        fn refresh_until(token: &SessionToken, expires_in: TimeDelta, latest_end: Option<DateTime<Utc>>) -> Session
            , unless KeepsTheOldToken => session::refresh_and_keep_the_token(token, expires_in, latest_end)
            , unless ShortensSessions => session::refresh_and_shorten(token, expires_in, latest_end)
            , unless RefreshesWithoutEnd => session::refresh_without_end(token, expires_in);
    }

    PasswordRepository through password {
        fn set_password_hash(user_id: &UserId, hash: &str) -> ()
            , unless SetsAnyHash => isolation::set_any_hash(user_id, hash);
        fn get_password_hash(user_id: &UserId) -> Option<String>
            , unless TakesNothingForAHash => password::take_nothing_for_a_hash(user_id)
            , unless ReadsAnyHash => isolation::read_any_hash(user_id);
        fn remove_password_hash(user_id: &UserId) -> ();
        fn find_credentials(email: &str) -> Option<Credentials>;
        fn find_credentials_by_id(id: &UserId) -> Option<Credentials>;
        fn upgrade_hash(user_id: &UserId, old_hash: &str, new_hash: &str) -> ()
            , unless UpgradesNothing => password::upgrade_nothing()
            , unless UpgradesAnything => password::upgrade_anything(user_id, new_hash);
        fn change_password(user_id: &UserId, old_hash: &str, new_hash: &str, clear_attempts: bool) -> bool
            , unless ChangesAndKeepsSessions => password::change_and_keep_sessions(user_id, new_hash)
            , unless ChangesAndKeepsResetTokens => password::change_and_keep_reset_tokens(user_id, new_hash)
            , unless ChangesWhateverItWas => password::change_whatever_it_was(user_id, new_hash);
        fn complete_reset(token: &TokenDigest, new_hash: &str) -> Option<User>
            , unless ResetsAndStaysLocked => password::reset_and_stay_locked(token, new_hash)
            , unless ResetsTwice => token::reset_again(token, new_hash)
            , unless ResetsForASquatter => token::reset_and_keep_the_passkeys(token, new_hash)
            , unless ResetsAndKeepsSessions => token::reset_and_keep_the_sessions(token, new_hash);
    }

    OAuthRepository through oauth {
        fn create_account(provider: &str, subject: &str, user_id: &UserId) -> OAuthAccount;
        fn find_user_by_provider(provider: &str, subject: &str) -> Option<User>
            , unless FindsAnyIdentity => isolation::find_any_identity(provider, subject);
        fn find_account_by_provider(provider: &str, subject: &str) -> Option<OAuthAccount>
            , unless InventsTimes => oauth::find_with_an_invented_time(provider, subject);
        fn link_account(user_id: &UserId, provider: &str, subject: &str) -> ()
            , unless LinksByForce => oauth::link_by_force(user_id, provider, subject);
        fn resolve_identity(identity: &OAuthIdentity, new_user: NewUser) -> OAuthResolution
            , unless LinksByAddressAlone => oauth::resolve_by_address_alone(identity, new_user)
            , unless TrustsEveryProvider => oauth::resolve_as_if_proven(identity, new_user)
            , unless LooksThenResolves => oauth::look_then_resolve(identity, new_user);
        fn store_pkce_verifier(csrf_state: &str, pkce_verifier: &str, expires_in: TimeDelta) -> ()
            , unless ProlongsStates => oauth::keep_a_state_for_longer(csrf_state, pkce_verifier, expires_in)
            , unless KeepsTheFirstState => oauth::store_once(csrf_state, pkce_verifier, expires_in);
        fn get_pkce_verifier(csrf_state: &str) -> Option<String>;
        fn take_pkce_verifier(csrf_state: &str) -> Option<String>
            , unless GivesAStateOutTwice => oauth::read_a_state(csrf_state)
            , unless ReadsThenDeletesAState => oauth::read_then_delete_a_state(csrf_state)
            , unless TakesAnyState => isolation::take_any_state(csrf_state);
        fn delete_pkce_verifier(csrf_state: &str) -> ();
        fn find_accounts_by_user_id(user_id: &UserId) -> Vec<OAuthAccount>
            , unless ListsAccountsBackwards => oauth::list_oldest_first(user_id);
        fn unlink_account(user_id: &UserId, provider: &str) -> ();
        fn unlink_account_unless_last(user_id: &UserId, provider: &str, passwords: bool, passkeys: bool) -> Unlinked
            , unless UnlinksTheLastMethod => oauth::unlink_the_last(user_id, provider)
            , unless LooksThenUnlinks => oauth::look_then_unlink(user_id, provider);
    }

    PasskeyRepository through passkey {
        fn add_credential(
            user_id: &UserId, credential_id: Vec<u8>, public_key: Vec<u8>, name: Option<String>
        ) -> PasskeyCredential
            , unless OverwritesPasskeys => passkey::overwrite_a_credential(user_id, credential_id, public_key, name)
            , unless KnowsAllPasskeys => isolation::refuse_a_known_passkey(user_id, credential_id, public_key, name);
        fn get_credentials_for_user(user_id: &UserId) -> Vec<PasskeyCredential>
            , unless ListsPasskeysBackwards => passkey::list_oldest_first(user_id);
        fn get_credential(credential_id: &[u8]) -> Option<PasskeyCredential>
            , unless FindsAnyPasskey => isolation::find_any_passkey(credential_id);
        fn update_last_used(credential_id: &[u8]) -> ();
        fn record_use(credential_id: &[u8], sign_count: Option<u32>) -> Option<User>
            , unless IgnoresCounters => passkey::use_without_counting(credential_id)
            , unless ComparesThenCounts => passkey::compare_then_count(credential_id, sign_count);
        fn rename_credential(user_id: &UserId, credential_id: &[u8], name: Option<String>) -> bool
            , unless RenamesAnyPasskey => passkey::rename_whosever(user_id, credential_id, name);
        fn delete_credential(credential_id: &[u8]) -> ();
        fn delete_all_for_user(user_id: &UserId) -> ()
            , unless DeletesOnePasskeyOfAll => passkey::delete_one_only(user_id);
        fn set_challenge(challenge_id: &str, challenge: &str, expires_in: TimeDelta) -> ()
            , unless ProlongsCeremonies => passkey::keep_a_challenge_for_longer(challenge_id, challenge, expires_in);
        fn get_challenge(challenge_id: &str) -> Option<String>;
        fn take_challenge(challenge_id: &str) -> Option<String>
            , unless ReplaysCeremonies => passkey::read_a_challenge(challenge_id)
            , unless ReadsThenTakesAChallenge => passkey::read_then_take_a_challenge(challenge_id);
    }

    TokenRepository through token {
        fn create_token(user_id: &UserId, purpose: TokenPurpose, expires_in: TimeDelta) -> SecureToken;
        fn issue_for_email(email: &str, token: &NewToken) -> Option<IssuedToken>
            , unless KeepsOlderTokens => token::issue_and_remember(email, token)
            , unless ProlongsResetTokens => token::issue_prolonged_for_email(email, token)
            , unless ResetsTwice => token::issue_and_remember_the_owner(email, token)
            , unless ResetsAndKeepsSessions => token::issue_and_remember_the_owner(email, token)
            , unless ResetsForASquatter => token::issue_and_remember_the_owner(email, token)
            , unless TrustsASquatter => token::issue_and_remember_the_owner(email, token);
        fn issue_for_user(user_id: &UserId, token: &NewToken) -> Option<IssuedToken>
            , unless ProlongsVerificationTokens => token::issue_prolonged_for_user(user_id, token)
            , unless FollowsALinkTwice => token::issue_and_remember_the_user(user_id, token);
        fn verify_token(token: &str, purpose: TokenPurpose) -> Option<SecureToken>
            , unless ConsumesWhatItSaw => token::look_then_consume(token, purpose)
            , unless ConsumesAnyToken => isolation::consume_any_token(token, purpose);
        fn check_token(token: &str, purpose: TokenPurpose) -> bool
            , unless TakesAnyToken => token::check_any_purpose(token)
            , unless KeepsOlderTokens => token::check_remembered(token, purpose);
        fn cleanup_expired_tokens() -> ();
        fn redeem_magic_link(token: &TokenDigest, session: SessionFor<'_>) -> Option<(User, Option<Session>)>
            , unless FollowsALinkTwice => token::redeem_a_link_again(token, session)
            , unless TrustsASquatter => token::redeem_and_keep_the_password(token, session);
        fn redeem_email_verification(token: &TokenDigest) -> Option<User>
            , unless VerifiesNothing => token::redeem_without_verifying(token);
    }

    BruteForceProtectionRepository through brute_force {
        fn reserve_attempt(email: &str, limits: LockoutLimits) -> ReservedAttempt
            , unless CountsAfterwards => lockout::look_before_counting(email, limits)
            , unless UnlocksEarly => lockout::reserve_in_a_sliding_window(email, limits)
            , unless ProlongsLocks => lockout::reserve_and_prolong(email, limits)
            , unless SparesUnknownAddresses => lockout::reserve_for_users_only(email, limits)
            , unless CountsSpellingsApart => lockout::reserve_by_spelling(email, limits)
            , unless LeavesUsersLocked => lockout::reserve_and_lock_the_user(email, limits)
            , unless CountsNextDoor => lockout::reserve_next_door(email, limits)
            , unless AsksForTheTenantFirst => lockout::ask_for_the_tenant_first(email, limits)
            , unless ComparesAnyPassword => isolation::reserve_for_anybody(email, limits);
        fn release_attempt(email: &str, limits: LockoutLimits) -> ()
            , unless ReleasesNothing => lockout::release_nothing();
        fn reserve_attempt_for_user(user_id: &UserId, limits: LockoutLimits) -> Option<ReservedAttempt>
            , unless LooksThenReserves => password::look_then_reserve(user_id, limits);
        fn count_failure(email: &str, limits: LockoutLimits) -> Lockout;
        fn find_lockout(email: &str) -> Option<Lockout>
            , unless UnlocksEarly => lockout::find_in_a_sliding_window(email)
            , unless FindsAnyLockout => isolation::find_any_lockout(email);
        fn record_failed_attempt(email: &str, ip_address: Option<&str>) -> FailedLoginAttempt
            , unless CountsAfterwards => lockout::count_with_the_log(email, ip_address);
        fn get_attempt_stats(email: &str, since: DateTime<Utc>) -> AttemptStats
            , unless CountsSinceEver => lockout::count_since_ever(email);
        fn clear_attempts(email: &str) -> u64
            , unless ClearsNothing => lockout::clear_nothing();
        fn cleanup_old_attempts(before: DateTime<Utc>) -> u64;
        fn set_locked_at(email: &str, locked_at: Option<DateTime<Utc>>) -> ();
        fn get_locked_at(email: &str) -> Option<DateTime<Utc>>;
    }

    TenantRepository through itself {
        fn register_tenant(name: Option<&str>) -> Tenant;
        fn find_tenant() -> Option<Tenant>;
        fn set_tenant_status(status: TenantStatus) -> Tenant
            , unless PretendsToSuspend => tenant::pretend_to_suspend(status)
            , unless SuspendsTheNeighbourToo => tenant::suspend_the_neighbour_too(status);
        fn page_tenants(request: &PageRequest) -> Page<Tenant>;
        fn purge_tenant() -> bool
            , unless PurgesHalf => tenant::purge_half()
            , unless PurgesTheNeighbourToo => tenant::purge_the_neighbour_too();
    }
}
