use chrono::{DateTime, TimeDelta};
use torii_core::{
    Error, NewUser, PageRequest, RepositoryProvider, SessionToken, TenantError, TenantId, TenantStatus, TokenPurpose,
    User, UserId,
    crypto::TokenUse,
    error::SessionError,
    oauth::{OAuthIdentity, OAuthResolution},
    repositories::{
        BruteForceProtectionRepository, OAuthRepository, PasskeyRepository, PasswordRepository, SessionRepository,
        TenantRepository, TokenRepository, Unlinked, UserRepository,
    },
    token::NewToken,
};
use torii_storage_sqlite::SqliteRepositoryProvider;

use crate::world::{EMAIL, LIMITS, World};

const HOUR: TimeDelta = TimeDelta::hours(1);

/// One creating or changing call after the other; each has to be refused alike.
macro_rules! refused {
    ($pattern:pat => $($call:expr),* $(,)?) => {
        $(
            let answer = $call.await.map(|_| ());
            assert!(matches!(answer, Err(Error::Tenant($pattern))), "{}: {answer:?}", stringify!($call));
        )*
    };
}

fn identity() -> OAuthIdentity {
    OAuthIdentity {
        provider: "github".into(),
        subject: "1".into(),
        email: "new@example.com".into(),
        email_verified: None,
        name: None,
    }
}

#[tokio::test]
async fn tenants_are_registered_named_listed_and_purged() {
    let w = World::new().await;
    let acme = w.storage.for_tenant(TenantId::from_static("acme"));
    assert_eq!(acme.find_tenant().await.unwrap(), None);
    let missing = acme.set_tenant_status(TenantStatus::Suspended).await;
    assert!(matches!(missing, Err(Error::Tenant(TenantError::NotRegistered { .. }))));
    let tenant = acme.register_tenant(None).await.unwrap();
    assert_eq!((tenant.name.as_deref(), tenant.status, tenant.created_at), (None, TenantStatus::Active, w.now()));
    w.clock.advance(HOUR);
    let named = acme.register_tenant(Some("Acme Ltd")).await.unwrap();
    assert_eq!((named.name.as_deref(), named.updated_at), (Some("Acme Ltd"), w.now()));
    assert_eq!(acme.register_tenant(None).await.unwrap(), named);
    let suspended = acme.set_tenant_status(TenantStatus::Suspended).await.unwrap();
    assert_eq!((suspended.status, suspended.suspended_at), (TenantStatus::Suspended, Some(w.now())));
    w.clock.advance(HOUR);
    assert_eq!(acme.set_tenant_status(TenantStatus::Suspended).await.unwrap().suspended_at, suspended.suspended_at);
    assert_eq!(acme.set_tenant_status(TenantStatus::Active).await.unwrap().suspended_at, None);
    assert_eq!(acme.register_tenant(None).await.unwrap().status, TenantStatus::Active);

    let first = w.storage.page_tenants(&PageRequest::first(1)).await.unwrap();
    assert_eq!(first.items.iter().map(|tenant| tenant.id.as_str()).collect::<Vec<_>>(), ["acme"]);
    let last = w.storage.page_tenants(&PageRequest::first(5).after(first.next.unwrap())).await.unwrap();
    assert_eq!(last.items.iter().map(|tenant| tenant.id.as_str()).collect::<Vec<_>>(), ["default"]);

    for storage in [&acme, &w.storage] {
        fill(storage, &w).await;
    }
    assert!(acme.purge_tenant().await.unwrap());
    assert!(!acme.purge_tenant().await.unwrap());
    assert_eq!(w.count(ROWS).await, 9, "the other tenant's");
    assert!(w.storage.purge_tenant().await.unwrap());
    assert_eq!(w.count(ROWS).await, 0);
    assert!(w.storage.find_tenant().await.unwrap().is_some(), "the default tenant stays");
    w.register(EMAIL).await;
}

const ROWS: &str = "SELECT (SELECT COUNT(*) FROM users) + (SELECT COUNT(*) FROM sessions) \
    + (SELECT COUNT(*) FROM oauth_accounts) + (SELECT COUNT(*) FROM oauth_states) + (SELECT COUNT(*) FROM passkeys) \
    + (SELECT COUNT(*) FROM passkey_challenges) + (SELECT COUNT(*) FROM secure_tokens) + (SELECT COUNT(*) FROM lockouts) \
    + (SELECT COUNT(*) FROM failed_login_attempts)";

/// A row in each of nine tables.
async fn fill(storage: &SqliteRepositoryProvider, w: &World) -> (User, SessionToken, String) {
    let user = storage.register(NewUser::new(EMAIL.into()), "hash").await.unwrap().into_user();
    let session = SessionRepository::create(storage, w.session_for(&user.id)).await.unwrap();
    storage.link_account(&user.id, "github", "0").await.unwrap();
    storage.store_pkce_verifier("state", "verifier", HOUR).await.unwrap();
    storage.add_credential(&user.id, vec![1], vec![2], None).await.unwrap();
    storage.set_challenge("id", "challenge", HOUR).await.unwrap();
    let token = storage.create_token(&user.id, TokenPurpose::MagicLink, HOUR).await.unwrap();
    storage.reserve_attempt(EMAIL, LIMITS).await.unwrap();
    storage.record_failed_attempt(EMAIL, None).await.unwrap();
    (user, session.token.unwrap(), token.token().unwrap().to_owned())
}

#[tokio::test]
async fn a_suspended_tenant_looks_empty_and_takes_nothing() {
    for w in World::both().await {
        let s = &w.storage;
        let (user, session, link) = fill(s, &w).await;
        let filled = w.count(ROWS).await;
        s.set_tenant_status(TenantStatus::Suspended).await.unwrap();

        assert_eq!(s.find_by_id(&user.id).await.unwrap(), None);
        assert_eq!(s.find_by_email(EMAIL).await.unwrap(), None);
        assert_eq!(s.count().await.unwrap(), 0);
        assert!(s.page(&PageRequest::default()).await.unwrap().items.is_empty());
        assert!(s.find_by_token(&session).await.unwrap().is_none());
        assert!(s.find_with_user(&session).await.unwrap().is_none());
        assert!(s.find_by_user_id(&user.id).await.unwrap().is_empty());
        assert_eq!(s.get_password_hash(&user.id).await.unwrap(), None);
        assert!(s.find_credentials(EMAIL).await.unwrap().is_none());
        assert!(s.find_credentials_by_id(&user.id).await.unwrap().is_none());
        assert!(!s.check_token(&link, TokenPurpose::MagicLink).await.unwrap());
        assert_eq!(s.find_user_by_provider("github", "0").await.unwrap(), None);
        assert_eq!(s.find_account_by_provider("github", "0").await.unwrap(), None);
        assert!(s.find_accounts_by_user_id(&user.id).await.unwrap().is_empty());
        assert_eq!(s.get_pkce_verifier("state").await.unwrap(), None);
        assert_eq!(s.get_credential(&[1]).await.unwrap(), None);
        assert!(s.get_credentials_for_user(&user.id).await.unwrap().is_empty());
        assert_eq!(s.get_challenge("id").await.unwrap(), None);
        assert_eq!(s.find_lockout(EMAIL).await.unwrap(), None);
        assert_eq!(s.get_attempt_stats(EMAIL, DateTime::UNIX_EPOCH).await.unwrap().count, 0);
        assert_eq!(s.get_locked_at(EMAIL).await.unwrap(), None);

        let token = NewToken::random(TokenPurpose::MagicLink, w.now() + HOUR);
        let digest = w.digest(TokenUse::Mail(TokenPurpose::MagicLink), &link);
        refused!(TenantError::Suspended { .. } =>
            UserRepository::create(s, NewUser::new("new@example.com".into())),
            s.register(NewUser::new("new@example.com".into()), "hash"),
            s.register(NewUser::new(EMAIL.into()), "hash"),
            s.find_or_create_by_email(EMAIL),
            s.update(&user),
            s.mark_email_verified(&user.id),
            SessionRepository::create(s, w.session_for(&user.id)),
            s.create_and_clear_attempts(w.session_for(&user.id), EMAIL),
            s.refresh(&session, HOUR),
            s.set_password_hash(&user.id, "new"),
            s.upgrade_hash(&user.id, "hash", "new"),
            s.change_password(&user.id, "hash", "new", true),
            s.complete_reset(&digest, "new"),
            s.create_token(&user.id, TokenPurpose::MagicLink, HOUR),
            s.issue_for_email(EMAIL, &token),
            s.issue_for_email("nobody@example.com", &token),
            s.issue_for_user(&user.id, &token),
            s.issue_for_user(&UserId::new("nobody"), &token),
            s.verify_token(&link, TokenPurpose::MagicLink),
            s.redeem_magic_link(&digest, &|_: &UserId| None),
            s.redeem_email_verification(&digest),
            s.create_account("github", "2", &user.id),
            s.link_account(&user.id, "github", "2"),
            s.resolve_identity(&identity(), NewUser::new("new@example.com".into())),
            s.store_pkce_verifier("other", "verifier", HOUR),
            s.take_pkce_verifier("state"),
            s.add_credential(&user.id, vec![3], vec![4], None),
            s.update_last_used(&[1]),
            s.record_use(&[1], None),
            s.set_challenge("other", "challenge", HOUR),
            s.take_challenge("id"),
            s.reserve_attempt(EMAIL, LIMITS),
            s.reserve_attempt_for_user(&user.id, LIMITS),
            s.count_failure(EMAIL, LIMITS),
            s.record_failed_attempt(EMAIL, None),
            s.set_locked_at(EMAIL, Some(w.now())),
        );
        assert_eq!(w.count(ROWS).await, filled);

        // What only deletes works.
        assert_eq!(s.revoke(&session).await.unwrap(), Some(user.id.clone()));
        s.delete_by_user_id(&user.id).await.unwrap();
        s.remove_password_hash(&user.id).await.unwrap();
        assert_eq!(s.unlink_account_unless_last(&user.id, "github", false, true).await.unwrap(), Unlinked::Done);
        s.unlink_account(&user.id, "github").await.unwrap();
        s.delete_pkce_verifier("state").await.unwrap();
        s.delete_credential(&[1]).await.unwrap();
        s.delete_all_for_user(&user.id).await.unwrap();
        assert_eq!(s.clear_attempts(EMAIL).await.unwrap(), 1);
        s.cleanup_expired().await.unwrap();
        s.cleanup_expired_tokens().await.unwrap();
        s.cleanup_old_attempts(w.now()).await.unwrap();
        UserRepository::delete(s, &user.id).await.unwrap();
        assert_eq!(w.count(ROWS).await, filled - 8, "all but the challenge");
        s.set_tenant_status(TenantStatus::Active).await.unwrap();
        assert_eq!(s.take_challenge("id").await.unwrap().as_deref(), Some("challenge"));
    }
}

#[tokio::test]
async fn the_first_write_registers_a_tenant() {
    let w = World::new().await;
    let token = NewToken::random(TokenPurpose::MagicLink, w.now() + HOUR);
    let tenant = |name: &str| w.storage.for_tenant(TenantId::new(name).unwrap());
    tenant("t1").register(NewUser::new(EMAIL.into()), "hash").await.unwrap();
    tenant("t2").find_or_create_by_email(EMAIL).await.unwrap();
    tenant("t3").store_pkce_verifier("state", "verifier", HOUR).await.unwrap();
    tenant("t4").set_challenge("id", "challenge", HOUR).await.unwrap();
    tenant("t5").reserve_attempt(EMAIL, LIMITS).await.unwrap();
    tenant("t6").record_failed_attempt(EMAIL, None).await.unwrap();
    let created = tenant("t7").resolve_identity(&identity(), NewUser::new(String::new())).await.unwrap();
    assert!(matches!(created, OAuthResolution::Created(_)));
    for number in 1..=7 {
        let status = tenant(&format!("t{number}")).find_tenant().await.unwrap().map(|tenant| tenant.status);
        assert_eq!(status, Some(TenantStatus::Active), "t{number}");
    }
    // What finds nothing registers nobody.
    let stranger = tenant("stranger");
    assert_eq!(stranger.issue_for_email(EMAIL, &token).await.unwrap(), None);
    assert!(stranger.verify_token("token", TokenPurpose::MagicLink).await.unwrap().is_none());
    assert_eq!(stranger.take_challenge("id").await.unwrap(), None);
    let refused = stranger.refresh(&SessionToken::new_random(), HOUR).await;
    assert!(matches!(refused, Err(Error::Session(SessionError::NotFound))));
    assert_eq!(stranger.find_tenant().await.unwrap(), None);
}

#[tokio::test]
async fn registered_tenants_only() {
    let w = World::new().await;
    let strict = w.storage.clone().registered_tenants_only(true);
    strict.register(NewUser::new(EMAIL.into()), "hash").await.unwrap();
    let s = &RepositoryProvider::for_tenant(&strict, TenantId::from_static("acme"));
    let token = NewToken::random(TokenPurpose::MagicLink, w.now() + HOUR);
    refused!(TenantError::NotRegistered { .. } =>
        s.register(NewUser::new(EMAIL.into()), "hash"),
        s.find_or_create_by_email(EMAIL),
        s.resolve_identity(&identity(), NewUser::new(EMAIL.into())),
        SessionRepository::create(s, w.session_for(&UserId::new("nobody"))),
        s.issue_for_email(EMAIL, &token),
        s.verify_token("token", TokenPurpose::MagicLink),
        s.reserve_attempt(EMAIL, LIMITS),
        s.set_challenge("id", "challenge", HOUR),
    );
    assert_eq!(s.find_by_email(EMAIL).await.unwrap(), None);
    assert_eq!(s.find_tenant().await.unwrap(), None);
    s.register_tenant(Some("Acme")).await.unwrap();
    let user = s.register(NewUser::new(EMAIL.into()), "hash").await.unwrap();
    assert!(user.is_created());
    assert!(!s.register(NewUser::new(EMAIL.into()), "hash").await.unwrap().is_created());
}

#[tokio::test]
async fn a_row_that_joins_two_tenants_is_refused() {
    let w = World::new().await;
    w.register(EMAIL).await;
    w.storage.for_tenant(TenantId::from_static("acme")).register_tenant(None).await.unwrap();
    for statement in [
        "INSERT INTO sessions SELECT 'acme', zeroblob(32), id, NULL, NULL, '', '', '' FROM users",
        "INSERT INTO oauth_accounts SELECT 'acme', 'github', '1', id, '', '' FROM users",
        "INSERT INTO passkeys SELECT 'acme', x'00', id, x'00', NULL, 0, NULL, '', '' FROM users",
        "INSERT INTO secure_tokens SELECT 'acme', zeroblob(32), id, 'magic_link', NULL, '', '', '' FROM users",
    ] {
        let error = sqlx::query(statement).execute(w.storage.pool()).await.unwrap_err();
        assert!(error.as_database_error().unwrap().is_foreign_key_violation(), "{statement}: {error}");
    }
}
