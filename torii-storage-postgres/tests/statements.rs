//! How many statements each operation runs, counted in sqlx's own log, and whether they find rows by key. One test, because the
//! log is the process's, and because PostgreSQL is asked about the very statements that were counted.

#![allow(clippy::panic, clippy::unwrap_used, reason = "helpers of tests")]

use std::sync::{Arc, Mutex};

use chrono::TimeDelta;
use sqlx::{PgConnection, Postgres, QueryBuilder, postgres::PgPoolOptions};
use torii_core::{
    NewUser, PageRequest, RepositoryProvider, SessionToken, TenantId, TokenPurpose, User, UserId,
    clock::{Clock, SystemClock},
    crypto::{TokenDigest, TokenUse},
    lockout::LockoutLimits,
    oauth::OAuthIdentity,
    repositories::{
        BruteForceProtectionRepository, CleanupRetention, CleanupScope, OAuthRepository, PasskeyRepository,
        PasswordRepository, SessionRepository, TenantRepository, TokenRepository, UserRepository,
    },
    session::NewSession,
    token::NewToken,
};
use torii_storage_postgres::PostgresRepositoryProvider;
use torii_testkit::servers::PostgresServer;
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    Layer,
    layer::{Context, SubscriberExt},
};

const SENTINEL: &str = "SELECT 'sentinel'";

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl<S: Subscriber> Layer<S> for Log {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() == "sqlx::query" {
            event.record(&mut Statement(self));
        }
    }
}

struct Statement<'a>(&'a Log);

impl Visit for Statement<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        let text = format!("{value:?}");
        let is_bookkeeping = ["BEGIN", "COMMIT", "ROLLBACK"].iter().any(|word| text.contains(word));
        if field.name() == "summary" && !text.contains("sentinel") && !is_bookkeeping {
            self.0.0.lock().unwrap().push(text);
        }
    }
}

struct Counter {
    storage: PostgresRepositoryProvider,
    log: Log,
}

impl Counter {
    async fn settle(&self) {
        // The pool has one connection, which has finished with what came before when it begins this.
        sqlx::query(SENTINEL).execute(self.storage.pool()).await.unwrap();
    }

    async fn cost<T>(&self, call: impl Future<Output = Result<T, torii_core::Error>>) -> (T, usize) {
        self.settle().await;
        self.log.0.lock().unwrap().clear();
        let answer = call.await.unwrap();
        self.settle().await;
        (answer, self.log.0.lock().unwrap().len())
    }
}

macro_rules! costs {
    ($counter:expr, $budget:literal, $call:expr) => {{
        let (answer, cost) = $counter.cost($call).await;
        assert_eq!(cost, $budget, "{}: {:#?}", stringify!($call), $counter.log.0.lock().unwrap());
        answer
    }};
}

const HOUR: TimeDelta = TimeDelta::hours(1);
const LIMITS: LockoutLimits = LockoutLimits { max_failed_attempts: 5, lockout_period: TimeDelta::minutes(15) };

#[tokio::test]
async fn every_operation_keeps_its_budget_and_searches_by_key() {
    let log = Log::default();
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(log.clone())).unwrap();
    let database = PostgresServer::shared().database().await;
    let pool = PgPoolOptions::new().max_connections(1).connect_lazy_with(database.options());
    let default = Counter { storage: PostgresRepositoryProvider::new(pool), log };
    let named =
        Counter { storage: default.storage.for_tenant(TenantId::from_static("acme")), log: default.log.clone() };
    // The first write registers the tenant by the way, and the second one knows.
    costs!(named, 2, named.storage.register(NewUser::new("first@example.com".into()), "hash"));
    costs!(named, 1, named.storage.register(NewUser::new("second@example.com".into()), "hash"));
    // Purged, it is a stranger again; purged by somebody else, the write finds out.
    costs!(named, 1, named.storage.purge_tenant());
    costs!(named, 2, named.storage.register(NewUser::new("first@example.com".into()), "hash"));
    let somebody_else = PostgresRepositoryProvider::new(named.storage.pool().clone());
    costs!(named, 1, somebody_else.for_tenant(named.storage.tenant_id().clone()).purge_tenant());
    costs!(named, 3, named.storage.register(NewUser::new("first@example.com".into()), "hash"));
    for counter in [&default, &named] {
        budget(counter).await;
    }
    let scans = scans(&mut default.storage.pool().acquire().await.unwrap()).await;
    assert!(scans.is_empty(), "{}", scans.join("\n\n"));
}

/// 3000 tenants, the largest with half of 10,000 users, each of them with one row of each kind.
const FILL: &str = "\
    INSERT INTO tenants (id, created_at, updated_at) \
    SELECT 't' || i, '2026-01-01', '2026-01-01' FROM generate_series(1, 3000) AS i; \
    INSERT INTO users (id, tenant_id, email, email_key, created_at, updated_at) \
    SELECT 'u' || i, CASE WHEN i % 2 = 0 THEN 't1' ELSE 't' || 1 + i % 3000 END, i || '@example.com', i || '@example.com', \
    '2026-01-01', '2026-01-01' FROM generate_series(1, 10000) AS i; \
    INSERT INTO sessions SELECT tenant_id, sha256(id::bytea), id, NULL, NULL, created_at, created_at, \
    created_at + length(email) * interval '1 day' FROM users; \
    INSERT INTO oauth_accounts SELECT tenant_id, 'github', id, id, created_at, created_at FROM users; \
    INSERT INTO oauth_states SELECT tenant_id, token_digest, 'verifier', created_at, expires_at FROM sessions; \
    INSERT INTO passkeys SELECT tenant_id, id::bytea, id, '', NULL, 0, NULL, created_at, created_at FROM users; \
    INSERT INTO passkey_challenges SELECT tenant_id, token_digest, 'challenge', created_at, expires_at FROM sessions; \
    INSERT INTO secure_tokens SELECT tenant_id, token_digest, user_id, 'magic_link', NULL, expires_at, created_at, created_at \
    FROM sessions; \
    INSERT INTO lockouts SELECT tenant_id, email_key, 1, created_at, NULL FROM users; \
    INSERT INTO failed_login_attempts (tenant_id, email, attempted_at) \
    SELECT tenant_id, email_key, created_at FROM users; \
    ANALYZE; \
    SET plan_cache_mode = force_generic_plan";

/// The statements prepared on this connection that would read a whole table now that tables have grown, whatever is bound.
async fn scans(connection: &mut PgConnection) -> Vec<String> {
    sqlx::raw_sql(FILL).execute(&mut *connection).await.unwrap();
    let prepared: Vec<(String, String, i32)> = sqlx::query_as(
        "SELECT name, statement, cardinality(parameter_types) FROM pg_prepared_statements \
         WHERE statement !~ 'sentinel|pg_prepared_statements' AND cardinality(parameter_types) > 0",
    )
    .fetch_all(&mut *connection)
    .await
    .unwrap();
    assert!(prepared.len() > 60, "{}", prepared.len());
    let mut scans = Vec::new();
    for (name, statement, parameters) in prepared {
        let nulls = vec!["NULL"; usize::try_from(parameters).unwrap()].join(", ");
        let mut explain = QueryBuilder::<Postgres>::new("EXPLAIN (COSTS OFF) EXECUTE ");
        explain.push(name).push(" (").push(nulls).push(")");
        let explain = explain.build_query_as::<(String,)>().persistent(false);
        let plan = explain.fetch_all(&mut *connection).await.unwrap();
        let plan: Vec<String> = plan.into_iter().map(|(step,)| step).collect();
        // What a tenant holds is counted row by row, and emptied row by row.
        let by_rows = ["SELECT COUNT(*) FROM users", "DELETE FROM users WHERE tenant_id = $1"];
        if plan.iter().any(|step| step.contains("Seq Scan on "))
            && !by_rows.iter().any(|start| statement.starts_with(start))
        {
            scans.push(format!("{statement}\n{}", plan.join("\n")));
        }
    }
    scans
}

async fn budget(c: &Counter) {
    let s = &c.storage;
    let email = "ann@example.com";
    let now = SystemClock.now();
    let begin = |user: &UserId| {
        let new = NewSession { user_agent: None, ip_address: None, lifetime: HOUR };
        new.begin(s.tenant_id().clone(), user.clone(), now)
    };
    let mail = |purpose, text: &str| TokenDigest::new(TokenUse::Mail(purpose), s.tenant_id(), text);

    let user = costs!(c, 1, s.register(NewUser::new(email.into()), "hash")).into_user();
    costs!(c, 2, s.register(NewUser::new(email.into()), "hash"));
    costs!(c, 1, UserRepository::create(s, NewUser::new("bob@example.com".into())));
    costs!(c, 1, s.find_by_id(&user.id));
    costs!(c, 1, s.find_by_email(email));
    costs!(c, 1, s.find_or_create_by_email(email));
    costs!(c, 2, s.find_or_create_by_email("new@example.com"));
    costs!(c, 1, s.update(&User { name: Some("Ann".into()), ..user.clone() }));
    costs!(c, 2, s.update(&User { email: "ann@example.org".into(), ..user.clone() }));
    costs!(c, 2, s.update(&user));
    costs!(c, 1, s.page(&PageRequest::default()));
    costs!(c, 1, s.count());

    let session = costs!(c, 1, SessionRepository::create(s, begin(&user.id)));
    let token = session.token.unwrap();
    costs!(c, 1, s.find_by_token(&token)).unwrap();
    costs!(c, 1, s.find_by_token(&SessionToken::new_random()));
    costs!(c, 1, s.find_with_user(&token)).unwrap();
    costs!(c, 1, s.find_by_user_id(&user.id));
    let session = costs!(c, 1, s.refresh(&token, HOUR));
    let latest = Some(now + HOUR);
    let session = costs!(c, 1, s.refresh_until(session.token.as_ref().unwrap(), HOUR, latest));
    costs!(c, 1, s.revoke(session.token.as_ref().unwrap())).unwrap();
    costs!(c, 1, SessionRepository::delete(s, &token));
    costs!(c, 1, s.delete_by_user_id(&user.id));

    // Sign-in by password: right, and wrong.
    costs!(c, 1, s.reserve_attempt(email, LIMITS)).credentials.unwrap();
    costs!(c, 1, s.create_and_clear_attempts(begin(&user.id), email));
    costs!(c, 1, s.reserve_attempt("nobody@example.com", LIMITS));
    costs!(c, 1, s.record_failed_attempt("nobody@example.com", None));
    costs!(c, 1, s.release_attempt(email, LIMITS));
    let logged = costs!(c, 1, s.reserve_and_log_attempt(email, LIMITS, None)).logged;
    costs!(c, 1, s.release_logged_attempt(email, LIMITS, logged));
    costs!(c, 1, s.count_failure(email, LIMITS));
    costs!(c, 1, s.find_lockout(email)).unwrap();
    costs!(c, 1, s.get_attempt_stats(email, now));
    costs!(c, 1, s.clear_attempts(email));
    costs!(c, 1, s.set_locked_at(email, Some(now)));
    costs!(c, 1, s.get_locked_at(email)).unwrap();
    costs!(c, 1, s.set_locked_at(email, None));

    costs!(c, 1, s.get_password_hash(&user.id)).unwrap();
    costs!(c, 1, s.find_credentials(email)).unwrap();
    costs!(c, 1, s.find_credentials_by_id(&user.id)).unwrap();
    costs!(c, 1, s.upgrade_hash(&user.id, "hash", "two"));
    costs!(c, 1, s.change_password(&user.id, "two", "three", false));
    costs!(c, 1, s.change_password(&user.id, "three", "two", true));
    costs!(c, 1, s.reserve_attempt_for_user(&user.id, LIMITS)).unwrap();
    costs!(c, 1, s.change_password(&user.id, "two", "three", false));
    costs!(c, 1, s.set_password_hash(&user.id, "four"));

    let purpose = TokenPurpose::MagicLink;
    costs!(c, 1, s.create_token(&user.id, purpose, HOUR));
    let link = NewToken::random(purpose, now + HOUR);
    let issued = costs!(c, 1, s.issue_for_email(email, &link)).unwrap();
    let nobody = NewToken::random(purpose, now + HOUR);
    assert!(costs!(c, 1, s.issue_for_email("nobody@example.com", &nobody)).is_none());
    let text = issued.token.token().unwrap();
    assert!(costs!(c, 1, s.check_token(text, purpose)));
    assert!(costs!(c, 1, s.redeem_magic_link(&mail(purpose, "unknown"), &|_: &UserId| None)).is_none());
    costs!(c, 2, s.redeem_magic_link(&mail(purpose, text), &|id: &UserId| Some(begin(id)))).unwrap();
    let issued = costs!(c, 1, s.issue_for_user(&user.id, &NewToken::random(purpose, now + HOUR))).unwrap();
    let text = issued.token.token().unwrap();
    costs!(c, 2, s.redeem_magic_link(&mail(purpose, text), &|id: &UserId| Some(begin(id)))).unwrap();
    let issued = costs!(c, 1, s.issue_for_user(&user.id, &NewToken::random(purpose, now + HOUR))).unwrap();
    costs!(c, 1, s.verify_token(issued.token.token().unwrap(), purpose)).unwrap();
    assert!(costs!(c, 2, s.verify_token("unknown", purpose)).is_none());
    let purpose = TokenPurpose::EmailVerification;
    let token = costs!(c, 1, s.create_token(&user.id, purpose, HOUR));
    costs!(c, 1, s.redeem_email_verification(&mail(purpose, token.token().unwrap()))).unwrap();
    let purpose = TokenPurpose::PasswordReset;
    let token = costs!(c, 1, s.create_token(&user.id, purpose, HOUR));
    costs!(c, 1, s.complete_reset(&mail(purpose, token.token().unwrap()), "five")).unwrap();
    costs!(c, 1, s.mark_email_verified(&user.id));
    costs!(c, 1, s.remove_password_hash(&user.id));

    let identity = OAuthIdentity {
        provider: "github".into(),
        subject: "1".into(),
        email: "oauth@example.com".into(),
        email_verified: None,
        name: None,
    };
    let new = NewUser::new(identity.email.clone());
    costs!(c, 3, s.resolve_identity(&identity, new.clone()));
    costs!(c, 1, s.resolve_identity(&identity, new));
    costs!(c, 1, s.find_user_by_provider("github", "1")).unwrap();
    costs!(c, 1, s.find_account_by_provider("github", "1")).unwrap();
    costs!(c, 1, s.link_account(&user.id, "github", "2"));
    costs!(c, 1, s.create_account("google", "2", &user.id));
    costs!(c, 1, s.find_accounts_by_user_id(&user.id));
    costs!(c, 2, s.unlink_account_unless_last(&user.id, "github", true, true));
    costs!(c, 3, s.unlink_account_unless_last(&user.id, "google", true, true));
    costs!(c, 1, s.unlink_account(&user.id, "google"));
    costs!(c, 1, s.store_pkce_verifier("state", "verifier", HOUR));
    costs!(c, 1, s.get_pkce_verifier("state")).unwrap();
    costs!(c, 1, s.take_pkce_verifier("state")).unwrap();
    costs!(c, 1, s.delete_pkce_verifier("state"));

    costs!(c, 1, s.add_credential(&user.id, vec![1], vec![2], None));
    costs!(c, 1, s.get_credentials_for_user(&user.id));
    costs!(c, 1, s.get_credential(&[1])).unwrap();
    costs!(c, 1, s.update_last_used(&[1]));
    costs!(c, 1, s.record_use(&[1], Some(1))).unwrap();
    costs!(c, 1, s.set_challenge("id", "challenge", HOUR));
    costs!(c, 1, s.get_challenge("id")).unwrap();
    costs!(c, 1, s.take_challenge("id")).unwrap();
    costs!(c, 1, s.delete_credential(&[1]));
    costs!(c, 1, s.delete_all_for_user(&user.id));

    costs!(c, 1, s.register_tenant(None));
    costs!(c, 1, s.find_tenant()).unwrap();
    costs!(c, 1, s.page_tenants(&PageRequest::default()));
    costs!(c, 1, s.health_check());

    let retention = CleanupRetention { failed_attempts: HOUR, lockout_period: HOUR };
    costs!(c, 6, s.cleanup(CleanupScope::ThisTenant, retention));
    costs!(c, 6, s.cleanup(CleanupScope::AllTenants, retention));
    // Nothing is young enough to stay: a batch and its deletion each, and a look for the next batch.
    let nothing = CleanupRetention { failed_attempts: -HOUR, lockout_period: -HOUR };
    costs!(c, 10, s.cleanup(CleanupScope::ThisTenant, nothing));
    costs!(c, 1, s.cleanup_expired());
    costs!(c, 1, s.cleanup_expired_tokens());
    costs!(c, 1, s.cleanup_old_attempts(now));
    costs!(c, 1, UserRepository::delete(s, &user.id));
}
