use chrono::TimeDelta;
use torii_core::{
    RepositoryProvider, TenantId, TokenPurpose,
    repositories::{
        BruteForceProtectionRepository, CleanupReport, CleanupRetention, CleanupScope, OAuthRepository,
        PasskeyRepository, SessionRepository, TokenRepository, UserRepository,
    },
};
use torii_storage_postgres::PostgresRepositoryProvider;

use crate::world::{EMAIL, LIMITS, World};

const RETENTION: CleanupRetention =
    CleanupRetention { failed_attempts: TimeDelta::days(7), lockout_period: TimeDelta::minutes(15) };

/// One row of each kind that ends.
async fn fill(w: &World, storage: &PostgresRepositoryProvider) {
    let hour = TimeDelta::hours(1);
    let user = storage.find_or_create_by_email(EMAIL).await.unwrap();
    SessionRepository::create(storage, w.session_for(&user.id)).await.unwrap();
    let token = storage.create_token(&user.id, TokenPurpose::MagicLink, hour).await.unwrap();
    storage.verify_token(token.token().unwrap(), TokenPurpose::MagicLink).await.unwrap();
    storage.store_pkce_verifier("state", "verifier", hour).await.unwrap();
    storage.set_challenge("id", "challenge", hour).await.unwrap();
    storage.record_failed_attempt(EMAIL, None).await.unwrap();
    storage.reserve_attempt(EMAIL, LIMITS).await.unwrap();
}

fn counts(report: CleanupReport) -> [u64; 6] {
    [
        report.sessions,
        report.secure_tokens,
        report.oauth_states,
        report.passkey_challenges,
        report.failed_login_attempts,
        report.lockouts,
    ]
}

#[tokio::test]
async fn what_is_over_goes_and_the_rest_stays() {
    let w = World::new().await;
    let tenants = ["a", "b", "c"].map(|id| w.storage.for_tenant(TenantId::new(id).unwrap()));
    for tenant in &tenants {
        fill(&w, tenant).await;
    }
    let all = async || counts(w.storage.cleanup(CleanupScope::AllTenants, RETENTION).await.unwrap());
    assert_eq!(all().await, [0; 6]);
    w.clock.advance(TimeDelta::hours(2));
    let one = tenants[0].cleanup(CleanupScope::ThisTenant, RETENTION).await.unwrap();
    assert_eq!(counts(one), [0, 1, 1, 1, 0, 1]);
    assert_eq!(all().await, [0, 2, 2, 2, 0, 2]);
    w.clock.advance(TimeDelta::days(8));
    for _ in 0..5 {
        tenants[1].reserve_attempt("locked@example.com", LIMITS).await.unwrap();
    }
    let one = tenants[1].cleanup(CleanupScope::ThisTenant, RETENTION).await.unwrap();
    assert_eq!(counts(one), [0, 0, 0, 0, 1, 0], "a lock in force stays");
    w.clock.advance(TimeDelta::days(30));
    assert_eq!(all().await, [3, 0, 0, 0, 2, 1]);
    assert_eq!(all().await, [0; 6]);
}

#[tokio::test]
async fn one_kind_at_a_time() {
    for w in World::both().await {
        let user = w.register(EMAIL).await;
        SessionRepository::create(&w.storage, w.session_for(&user.id)).await.unwrap();
        w.storage.create_token(&user.id, TokenPurpose::MagicLink, TimeDelta::hours(1)).await.unwrap();
        w.clock.advance(TimeDelta::days(2));
        w.storage.cleanup_expired().await.unwrap();
        w.storage.cleanup_expired_tokens().await.unwrap();
        assert_eq!(w.count("SELECT COUNT(*) FROM sessions").await, 1);
        assert_eq!(w.count("SELECT COUNT(*) FROM secure_tokens").await, 0);
        w.clock.advance(TimeDelta::days(30));
        w.storage.cleanup_expired().await.unwrap();
        assert_eq!(w.count("SELECT COUNT(*) FROM sessions").await, 0);
    }
}

/// More than a batch of each kind, with other tenants' rows in between.
#[tokio::test]
async fn batches_add_up() {
    let w = World::new().await;
    w.execute(
        "INSERT INTO tenants (id, created_at, updated_at) VALUES ('a', '2025-01-01', '2025-01-01'), \
         ('b', '2025-01-01', '2025-01-01'); \
         INSERT INTO lockouts SELECT CASE i % 2 WHEN 0 THEN 'a' ELSE 'b' END, i || '@example.com', 1, '2025-01-01', NULL \
         FROM generate_series(1, 2400) AS i; \
         INSERT INTO failed_login_attempts (tenant_id, email, attempted_at) \
         SELECT tenant_id, email_key, window_started_at FROM lockouts; \
         INSERT INTO oauth_states SELECT tenant_id, sha256(email_key::bytea), 'verifier', window_started_at, \
         window_started_at FROM lockouts",
    )
    .await;
    let a = w.storage.for_tenant(TenantId::from_static("a"));
    let report = a.cleanup(CleanupScope::ThisTenant, RETENTION).await.unwrap();
    assert_eq!(counts(report), [0, 0, 1200, 0, 1200, 1200]);
    let report = w.storage.cleanup(CleanupScope::AllTenants, RETENTION).await.unwrap();
    assert_eq!(counts(report), [0, 0, 1200, 0, 1200, 1200]);
    assert_eq!(report.total(), 3600);
}

/// Rows that somebody else holds are left to them, and nobody waits.
#[tokio::test]
async fn instances_that_clean_up_at_once_share_the_work() {
    let w = World::new().await;
    w.execute(
        "INSERT INTO oauth_states SELECT 'default', sha256(i::text::bytea), 'verifier', '2025-01-01', '2025-01-01' \
         FROM generate_series(1, 700) AS i",
    )
    .await;
    let mut other = w.storage.pool().begin().await.unwrap();
    sqlx::query("SELECT 1 FROM oauth_states ORDER BY expires_at, state_digest LIMIT 300 FOR UPDATE")
        .execute(&mut *other)
        .await
        .unwrap();
    let report = w.storage.cleanup(CleanupScope::AllTenants, RETENTION).await.unwrap();
    assert_eq!(report.oauth_states, 400);
    other.rollback().await.unwrap();
    let report = w.storage.cleanup(CleanupScope::AllTenants, RETENTION).await.unwrap();
    assert_eq!(report.oauth_states, 300);
}
