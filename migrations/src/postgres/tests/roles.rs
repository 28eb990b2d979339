//! What the README says about roles.

use torii_core::error::StorageErrorKind;

use super::*;
use crate::{
    MigrationError,
    postgres::{migrate, status},
};

/// A migrated schema that one role owns and another one uses, as the README sets it up.
struct Roles {
    admin: PgPool,
    owner: PgPool,
    application: PgPool,
    _database: PostgresDatabase,
}

impl Roles {
    async fn new() -> Self {
        let database = PostgresServer::shared().empty_database().await;
        let (owner, application) = (database.role().await, database.role().await);
        let admin = database.pool();
        // Names cannot be bound.
        let grants = "DO $$ DECLARE owner TEXT := current_setting('roles.owner'); \
                app TEXT := current_setting('roles.app'); \
            BEGIN \
                EXECUTE format('CREATE SCHEMA torii AUTHORIZATION %I', owner); \
                EXECUTE format('GRANT USAGE ON SCHEMA torii TO %I', app); \
                EXECUTE format('ALTER DEFAULT PRIVILEGES FOR ROLE %I IN SCHEMA torii \
                    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO %I', owner, app); \
            END $$";
        let mut transaction = admin.begin().await.unwrap();
        sqlx::query("SELECT set_config('roles.owner', $1, true), set_config('roles.app', $2, true)")
            .bind(owner.get_username())
            .bind(application.get_username())
            .execute(&mut *transaction)
            .await
            .unwrap();
        sqlx::raw_sql(grants).execute(&mut *transaction).await.unwrap();
        transaction.commit().await.unwrap();
        let in_schema = |options: PgConnectOptions| pool(options.options([("search_path", "torii")]));
        Self { admin, owner: in_schema(owner), application: in_schema(application), _database: database }
    }
}

#[tokio::test]
async fn the_owner_of_a_schema_migrates_it() {
    let roles = Roles::new().await;
    assert_eq!(migrate(&roles.owner, &Noon).await.unwrap().applied.len(), 2);
    assert!(status(&roles.owner).await.unwrap().is_up_to_date());
    let others = "SELECT count(*) FROM pg_tables WHERE schemaname = 'torii' AND tableowner = current_user";
    assert_eq!(count(&roles.admin, others).await, 0);
}

#[tokio::test]
async fn the_application_needs_no_more_than_its_grants() {
    let roles = Roles::new().await;
    migrate(&roles.owner, &Noon).await.unwrap();
    // It may call `migrate` when it starts: there is nothing to do.
    assert!(migrate(&roles.application, &Noon).await.unwrap().applied.is_empty());
    assert!(status(&roles.application).await.unwrap().is_up_to_date());
    execute(
        &roles.application,
        "INSERT INTO tenants (id, created_at, updated_at) VALUES ('acme', now(), now());
         INSERT INTO users (tenant_id, id, email, email_key, created_at, updated_at)
             VALUES ('acme', 'anna', 'a', 'a', now(), now());
         INSERT INTO sessions (tenant_id, token_digest, user_id, created_at, updated_at, expires_at)
             VALUES ('acme', decode(repeat('00', 32), 'hex'), 'anna', now(), now(), now());
         INSERT INTO failed_login_attempts (tenant_id, email, attempted_at) VALUES ('acme', 'a', now());
         UPDATE users SET name = 'Anna';
         DELETE FROM tenants WHERE id = 'acme'",
    )
    .await;
    assert_eq!(count(&roles.application, "SELECT count(*) FROM sessions").await, 0);
    for sql in
        ["DROP TABLE sessions", "ALTER TABLE users ADD COLUMN x TEXT", "TRUNCATE users CASCADE", "CREATE TABLE x ()"]
    {
        assert!(sqlx::raw_sql(sql).execute(&roles.application).await.is_err(), "{sql}");
    }
}

#[tokio::test]
async fn a_role_that_may_not_create_says_so_and_changes_nothing() {
    let roles = Roles::new().await;
    let error = migrate(&roles.application, &Noon).await.unwrap_err();
    let role = roles.application.connect_options().get_username().to_owned();
    assert!(
        matches!(&error, MigrationError::MayNotCreate { role: named, schema } if *named == role && schema == "torii"),
        "{error:?}"
    );
    let text = error.to_string();
    assert!(text.contains(&role) && text.contains("torii") && text.contains("GRANT CREATE"), "{text}");
    assert_eq!(count(&roles.admin, "SELECT count(*) FROM pg_tables WHERE schemaname = 'torii'").await, 0);
    // To look is no harm.
    assert!(!status(&roles.application).await.unwrap().is_up_to_date());
}

/// A role that may create tables, but does not own the ones that are there.
#[tokio::test]
async fn a_step_on_somebody_elses_table_fails_and_leaves_nothing() {
    let roles = Roles::new().await;
    migrate(&roles.owner, &Noon).await.unwrap();
    sqlx::raw_sql("GRANT CREATE ON SCHEMA torii TO PUBLIC").execute(&roles.owner).await.unwrap();
    let steps = steps_and(Body::InTransaction("CREATE TABLE extra (x TEXT); ALTER TABLE users ADD COLUMN extra TEXT"));
    let error = run_steps(&roles.application, &steps).await.unwrap_err();
    assert!(matches!(error, MigrationError::Step { version: 3, kind: StorageErrorKind::Other, .. }), "{error:?}");
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.contains("must be owner of table users"), "{cause}");
    assert_eq!(count(&roles.admin, "SELECT count(*) FROM pg_tables WHERE tablename = 'extra'").await, 0);
}
