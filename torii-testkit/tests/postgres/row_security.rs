//! Row-level security through the builder: it is all there, or the application does not start.

use sqlx::{
    ConnectOptions as _, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use torii::{
    Torii, ToriiBuilder, ToriiBuilderError,
    postgres::{PostgresRepositoryProvider, RowLevelSecurityError},
};
use torii_testkit::servers::{PostgresDatabase, PostgresServer};

use crate::{PASSWORD, fast_hasher};

type Built = Result<Torii<PostgresRepositoryProvider>, ToriiBuilderError>;

async fn build(options: &PgConnectOptions, row_level_security: bool, apply_migrations: bool) -> Built {
    let builder = ToriiBuilder::new().with_postgres(options.to_url_lossy().as_str()).await?;
    let builder = builder.row_level_security(row_level_security).apply_migrations(apply_migrations);
    builder.with_password_hasher(fast_hasher()).build().await
}

/// Why it was not built.
fn reason(built: Built) -> RowLevelSecurityError {
    match built {
        Err(ToriiBuilderError::RowLevelSecurity(error)) => error,
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("it was built"),
    }
}

/// An empty database, a role that may make tables in it, and one that gets the rights of an application.
async fn roles() -> (PostgresDatabase, PgConnectOptions, PgConnectOptions) {
    let database = PostgresServer::shared().empty_database().await;
    let (owner, app) = (database.role().await, database.role().await);
    sqlx::raw_sql("GRANT CREATE ON SCHEMA public TO PUBLIC").execute(&database.pool()).await.unwrap();
    let default = "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO PUBLIC";
    sqlx::raw_sql(default).execute(&pool(&owner)).await.unwrap();
    (database, owner, app)
}

fn pool(options: &PgConnectOptions) -> PgPool {
    PgPoolOptions::new().max_connections(1).connect_lazy_with(options.clone())
}

#[tokio::test]
async fn the_owner_migrates_and_the_application_starts_without() {
    let (_database, owner, app) = roles().await;
    build(&owner, true, true).await.unwrap();
    let torii = build(&app, true, false).await.unwrap();
    for tenant in ["acme", "globex"] {
        let scope = torii.with_tenant(tenant);
        scope.register_user("ann@example.com", PASSWORD).await.unwrap();
        let (user, session) = scope.authenticate("ann@example.com", PASSWORD, None, None).await.unwrap();
        let token = session.token.unwrap();
        assert_eq!(scope.authenticate_session(&token).await.unwrap().unwrap().0.id, user.id);
        assert!(torii.authenticate_session(&token).await.unwrap().is_none());
    }
    assert_eq!(torii.cleanup_expired().await.unwrap().total(), 0);
    let rows: i64 =
        sqlx::query_scalar("SELECT count(*) FROM users").fetch_one(torii.repositories().pool()).await.unwrap();
    assert_eq!(rows, 0, "the pool itself is bound to nobody");
    // An application may migrate when it starts, with nothing to do.
    build(&app, true, true).await.unwrap();
}

#[tokio::test]
async fn a_superuser_is_refused_before_anything_is_made() {
    let database = PostgresServer::shared().empty_database().await;
    let reason = reason(build(&database.options(), true, true).await);
    assert!(matches!(reason, RowLevelSecurityError::Bypassed { attribute: "SUPERUSER", .. }), "{reason:?}");
    let tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'";
    let tables: i64 = sqlx::query_scalar(tables).fetch_one(&database.pool()).await.unwrap();
    assert_eq!(tables, 0);
}

#[tokio::test]
async fn option_and_database_must_agree() {
    let (_database, owner, app) = roles().await;
    build(&owner, false, true).await.unwrap();
    build(&app, false, false).await.unwrap();
    let missing = reason(build(&app, true, false).await);
    assert!(matches!(missing, RowLevelSecurityError::NotEnabled { .. }), "{missing:?}");
    build(&owner, true, true).await.unwrap();
    for options in [&owner, &app] {
        for apply_migrations in [false, true] {
            let refused = reason(build(options, false, apply_migrations).await);
            assert!(matches!(refused, RowLevelSecurityError::NotSwitchedOn { .. }), "{refused:?}");
        }
        let on_a_pool = ToriiBuilder::new().with_postgres_pool(pool(options)).build().await;
        assert!(matches!(reason(on_a_pool), RowLevelSecurityError::NotSwitchedOn { .. }));
        ToriiBuilder::new().with_postgres_pool(pool(options)).row_level_security(true).build().await.unwrap();
    }
}
