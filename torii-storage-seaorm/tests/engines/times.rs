//! Times far away. MariaDB takes a `TIMESTAMP` after January 2038 for `NULL`, and the first second of 1970 too.

use chrono::{DateTime, Days, TimeDelta, Utc};
use torii_core::{
    TenantStatus, TokenPurpose, User,
    lockout::LockoutLimits,
    repositories::{
        BruteForceProtectionRepository, OAuthRepository, PasskeyRepository, SessionRepository, TenantRepository,
        TokenRepository, UserRepository,
    },
};

use crate::world::{EMAIL, Engine, World};

const HOUR: TimeDelta = TimeDelta::hours(1);
const CENTURY: Days = Days::new(36_525);

/// Every column that holds a time, those that may be null and those that may not, with the clock in another century.
pub(crate) async fn far_times_are_kept(engine: Engine) {
    for w in World::both(engine).await {
        w.clock.advance(TimeDelta::days(365 * 75));
        assert!(w.now() > "2100-01-01T00:00:00Z".parse::<DateTime<Utc>>().unwrap(), "{}", w.now());
        users(&w).await;
        sessions_and_tokens(&w).await;
        identities(&w).await;
        lockouts(&w).await;
        tenants(&w).await;
    }
}

async fn users(w: &World) {
    let user = w.register(EMAIL).await;
    assert_eq!((user.created_at, user.updated_at), (w.now(), w.now()));
    for far in [w.now(), w.now() + CENTURY, DateTime::UNIX_EPOCH] {
        let proven = User { email_verified_at: Some(far), ..user.clone() };
        assert_eq!(w.storage.update(&proven).await.unwrap().email_verified_at, Some(far));
        assert_eq!(w.storage.find_by_id(&user.id).await.unwrap().unwrap().email_verified_at, Some(far));
        w.storage.set_locked_at(EMAIL, Some(far)).await.unwrap();
        assert_eq!(w.storage.get_locked_at(EMAIL).await.unwrap(), Some(far));
    }
    w.storage.mark_email_verified(&user.id).await.unwrap();
    w.storage.set_locked_at(EMAIL, None).await.unwrap();
    let user = w.storage.find_by_id(&user.id).await.unwrap().unwrap();
    assert_eq!((user.email_verified_at, user.locked_at, user.updated_at), (Some(w.now()), None, w.now()));
}

async fn sessions_and_tokens(w: &World) {
    let user = w.storage.find_by_email(EMAIL).await.unwrap().unwrap();
    let session = SessionRepository::create(&w.storage, w.session_for(&user.id)).await.unwrap();
    let token = session.token.unwrap();
    let session = w.storage.find_by_token(&token).await.unwrap().unwrap();
    assert_eq!(
        (session.created_at, session.updated_at, session.expires_at),
        (w.now(), w.now(), w.now() + TimeDelta::days(30))
    );
    // Each end by another branch of the statement.
    let refreshed = w.storage.refresh(&token, TimeDelta::days(40)).await.unwrap();
    assert_eq!(refreshed.expires_at, w.now() + TimeDelta::days(40));
    let latest = Some(w.now() + TimeDelta::days(20));
    let refreshed = w.storage.refresh_until(refreshed.token.as_ref().unwrap(), HOUR, latest).await.unwrap();
    assert_eq!(Some(refreshed.expires_at), latest);

    let issued = w.storage.create_token(&user.id, TokenPurpose::MagicLink, HOUR).await.unwrap();
    let used = w.storage.verify_token(issued.token().unwrap(), TokenPurpose::MagicLink).await.unwrap().unwrap();
    assert_eq!((used.used_at, used.expires_at), (Some(w.now()), w.now() + HOUR));
    assert_eq!(w.count("SELECT COUNT(*) FROM secure_tokens WHERE used_at > '2100-01-01'").await, 1);
}

async fn identities(w: &World) {
    let user = w.storage.find_by_email(EMAIL).await.unwrap().unwrap();
    w.storage.link_account(&user.id, "github", "1").await.unwrap();
    let account = w.storage.find_account_by_provider("github", "1").await.unwrap().unwrap();
    assert_eq!((account.created_at, account.updated_at), (w.now(), w.now()));
    w.storage.store_pkce_verifier("state", "verifier", HOUR).await.unwrap();
    assert_eq!(w.storage.take_pkce_verifier("state").await.unwrap().as_deref(), Some("verifier"));
    w.storage.set_challenge("id", "challenge", HOUR).await.unwrap();
    assert_eq!(w.storage.take_challenge("id").await.unwrap().as_deref(), Some("challenge"));

    w.storage.add_credential(&user.id, b"id".to_vec(), b"key".to_vec(), None).await.unwrap();
    w.storage.record_use(b"id", Some(1)).await.unwrap().unwrap();
    let passkey = w.storage.get_credential(b"id").await.unwrap().unwrap();
    assert_eq!((passkey.created_at, passkey.last_used_at), (w.now(), Some(w.now())));
}

async fn lockouts(w: &World) {
    let limits = LockoutLimits { max_failed_attempts: 2, lockout_period: TimeDelta::days(365) };
    let end = Some(w.now() + limits.lockout_period);
    for (number, locked_until) in [(1, None), (2, end), (3, end)] {
        let attempt = w.storage.reserve_attempt(EMAIL, limits).await.unwrap();
        assert_eq!((attempt.number, attempt.locked_until), (number, locked_until));
    }
    // One that locks at once.
    let at_once = LockoutLimits { max_failed_attempts: 1, ..limits };
    assert_eq!(w.storage.count_failure("other@example.com", at_once).await.unwrap().locked_until, end);
    let logged = w.storage.record_failed_attempt(EMAIL, None).await.unwrap();
    let stats = w.storage.get_attempt_stats(EMAIL, w.now()).await.unwrap();
    assert_eq!((logged.attempted_at, stats.latest_at), (w.now(), Some(w.now())));
    let user = w.storage.find_by_email(EMAIL).await.unwrap().unwrap();
    assert_eq!(user.locked_at, Some(w.now()), "the window of the lock began now");
}

async fn tenants(w: &World) {
    let other = w.storage.for_tenant("other".parse().unwrap());
    other.register_tenant(None).await.unwrap();
    let suspended = other.set_tenant_status(TenantStatus::Suspended).await.unwrap();
    assert_eq!((suspended.created_at, suspended.suspended_at), (w.now(), Some(w.now())));
}
