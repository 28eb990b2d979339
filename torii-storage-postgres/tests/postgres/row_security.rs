//! Row-level security: the wall behind the predicates, what binds a transaction to its tenant, and what is refused at start.

use std::sync::Arc;

use chrono::TimeDelta;
use sqlx::{PgPool, postgres::PgPoolOptions};
use torii_core::{
    NewUser, RepositoryProvider, TenantId, TokenPurpose, User,
    repositories::{
        BruteForceProtectionRepository, OAuthRepository, PasskeyRepository, SessionRepository, TokenRepository,
        UserRepository,
    },
    session::NewSession,
};
use torii_storage_postgres::PostgresRepositoryProvider;
use torii_testkit::{
    ManualClock,
    servers::{PostgresDatabase, PostgresServer},
};

use crate::world::{EMAIL, LIMITS};

mod bindings;
mod start;
mod walls;

/// A schema that a plain role owns and that the application's role uses, with the rights that the README of the migrations
/// lists. The application has one connection.
struct Walled {
    admin: PgPool,
    owner: PgPool,
    app: PgPool,
    clock: ManualClock,
    // Dropped last: it drops the database.
    database: PostgresDatabase,
}

const GRANTS: &str = "DO $$ DECLARE owner TEXT := current_setting('roles.owner'); app TEXT := current_setting('roles.app'); \
    BEGIN \
        EXECUTE format('CREATE SCHEMA torii AUTHORIZATION %I', owner); \
        EXECUTE format('GRANT USAGE ON SCHEMA torii TO %I', app); \
        EXECUTE format('ALTER DEFAULT PRIVILEGES FOR ROLE %I REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC', owner); \
        EXECUTE format('ALTER DEFAULT PRIVILEGES FOR ROLE %I IN SCHEMA torii \
            GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO %I', owner, app); \
        EXECUTE format('ALTER DEFAULT PRIVILEGES FOR ROLE %I IN SCHEMA torii \
            GRANT EXECUTE ON FUNCTIONS TO %I', owner, app); \
    END $$";

impl Walled {
    /// Without tables.
    async fn empty() -> Self {
        let database = PostgresServer::shared().empty_database().await;
        let (owner, app) = (database.role().await, database.role().await);
        let pool = |options: sqlx::postgres::PgConnectOptions, size| {
            let options = options.options([("search_path", "torii")]);
            PgPoolOptions::new().max_connections(size).test_before_acquire(false).connect_lazy_with(options)
        };
        let admin = pool(database.options(), 4);
        let mut transaction = admin.begin().await.unwrap();
        sqlx::query("SELECT set_config('roles.owner', $1, true), set_config('roles.app', $2, true)")
            .bind(owner.get_username())
            .bind(app.get_username())
            .execute(&mut *transaction)
            .await
            .unwrap();
        sqlx::raw_sql(GRANTS).execute(&mut *transaction).await.unwrap();
        transaction.commit().await.unwrap();
        Self { admin, owner: pool(owner, 4), app: pool(app, 1), clock: ManualClock::default(), database }
    }

    /// Migrated by the owner, with row-level security.
    async fn new() -> Self {
        let w = Self::empty().await;
        w.storage(&w.owner).migrate().await.unwrap();
        w
    }

    /// With row-level security, whoever owns the pool.
    fn storage(&self, pool: &PgPool) -> PostgresRepositoryProvider {
        PostgresRepositoryProvider::new(pool.clone()).with_clock(Arc::new(self.clock.clone())).row_level_security(true)
    }

    fn tenant(&self, id: &'static str) -> PostgresRepositoryProvider {
        self.storage(&self.app).for_tenant(TenantId::from_static(id))
    }

    async fn admin(&self, statements: &'static str) {
        sqlx::raw_sql(statements).execute(&self.admin).await.unwrap();
    }
}

/// One row of every kind in the tenant of `storage`.
async fn furnish(storage: &PostgresRepositoryProvider) -> User {
    let hour = TimeDelta::hours(1);
    let user = storage.register(NewUser::new(EMAIL.into()), "hash").await.unwrap().into_user();
    let new = NewSession { user_agent: None, ip_address: None, lifetime: hour };
    let session = new.begin(storage.tenant_id().clone(), user.id.clone(), storage.clock().now());
    SessionRepository::create(storage, session).await.unwrap();
    storage.create_token(&user.id, TokenPurpose::MagicLink, hour).await.unwrap();
    storage.create_account("github", "1", &user.id).await.unwrap();
    storage.store_pkce_verifier("state", "verifier", hour).await.unwrap();
    storage.add_credential(&user.id, vec![1], vec![2], None).await.unwrap();
    storage.set_challenge("id", "challenge", hour).await.unwrap();
    storage.record_failed_attempt(EMAIL, None).await.unwrap();
    storage.count_failure(EMAIL, LIMITS).await.unwrap();
    user
}
