//! What is looked at before the first call is served.

use torii_core::{
    Error,
    error::{StorageError, StorageErrorKind},
};
use torii_storage_postgres::{PostgresStorage, RowLevelSecurityError};

use super::*;

/// Why something was refused.
fn reason(error: Error) -> RowLevelSecurityError {
    let Error::Storage(StorageError::Failed { source, .. }) = error else { panic!("{error:?}") };
    source.downcast_ref::<RowLevelSecurityError>().unwrap_or_else(|| panic!("{source:?}")).clone()
}

/// The administrator's connections, each of which takes the application's role.
fn as_app(w: &Walled) -> PgPool {
    let role = w.app.connect_options().get_username().to_owned();
    let options = w.database.options().options([("search_path", "torii"), ("role", &role)]);
    PgPoolOptions::new().max_connections(1).connect_lazy_with(options)
}

async fn alter_app(w: &Walled, attribute: &str) {
    let mut transaction = w.admin.begin().await.unwrap();
    sqlx::query("SELECT set_config('roles.app', $1, true), set_config('roles.attribute', $2, true)")
        .bind(w.app.connect_options().get_username())
        .bind(attribute)
        .execute(&mut *transaction)
        .await
        .unwrap();
    let alter = "DO $$ BEGIN EXECUTE format('ALTER ROLE %I ' || current_setting('roles.attribute'), \
        current_setting('roles.app')); END $$";
    sqlx::raw_sql(alter).execute(&mut *transaction).await.unwrap();
    transaction.commit().await.unwrap();
}

#[tokio::test]
async fn the_applications_role_starts_without_migrating_and_with() {
    let w = Walled::new().await;
    w.storage(&w.app).check().await.unwrap();
    furnish(&w.tenant("a")).await;
    // There is nothing to do.
    w.storage(&w.app).migrate().await.unwrap();
}

#[tokio::test]
async fn a_role_that_policies_do_not_concern_is_refused() {
    let w = Walled::new().await;
    for attribute in ["SUPERUSER", "BYPASSRLS"] {
        alter_app(&w, attribute).await;
        let storage = w.tenant("a");
        for error in [
            storage.check_role().await.unwrap_err(),
            storage.check().await.unwrap_err(),
            storage.find_by_email(EMAIL).await.unwrap_err(),
            storage.register(NewUser::new(EMAIL.into()), "hash").await.unwrap_err(),
            storage.find_by_token(&torii_core::SessionToken::new_random()).await.unwrap_err(),
        ] {
            let reason = reason(error);
            assert!(
                matches!(&reason, RowLevelSecurityError::Bypassed { attribute: found, role }
                    if *found == attribute && role == w.app.connect_options().get_username()),
                "{reason:?}"
            );
            assert!(reason.to_string().contains("NOSUPERUSER NOBYPASSRLS"));
        }
        let rows: i64 = sqlx::query_scalar("SELECT count(*) FROM users").fetch_one(&w.admin).await.unwrap();
        assert_eq!(rows, 0, "nothing was served");
        alter_app(&w, "NOSUPERUSER NOBYPASSRLS").await;
        storage.check().await.unwrap();
    }
}

/// What counts is the role that statements run as.
#[tokio::test]
async fn a_role_that_a_superuser_takes_is_served() {
    let w = Walled::new().await;
    let storage = w.storage(&as_app(&w));
    storage.check().await.unwrap();
    furnish(&storage).await;
}

/// Whoever migrates serves no calls, and may be anybody who owns the tables or is above that.
#[tokio::test]
async fn a_superuser_may_migrate_but_is_not_served() {
    let w = Walled::empty().await;
    let storage = w.storage(&w.admin);
    storage.migrate().await.unwrap();
    assert!(matches!(reason(storage.find_by_email(EMAIL).await.unwrap_err()), RowLevelSecurityError::Bypassed { .. }));
}

#[tokio::test]
async fn tables_that_are_not_behind_policies_are_refused() {
    let w = Walled::empty().await;
    let missing = |error| match reason(error) {
        RowLevelSecurityError::NotEnabled { missing } => missing,
        other => panic!("{other:?}"),
    };
    let storage = w.tenant("a");
    let error = storage.check().await.unwrap_err();
    assert!(matches!(&error, Error::Storage(StorageError::Failed { kind: StorageErrorKind::SchemaMissing, .. })));
    assert_eq!(missing(error).len(), 12, "ten tables and two functions");

    PostgresRepositoryProvider::new(w.owner.clone()).migrate().await.unwrap();
    assert_eq!(missing(storage.find_by_email(EMAIL).await.unwrap_err()).len(), 12);

    w.storage(&w.owner).migrate().await.unwrap();
    w.admin("ALTER TABLE torii.users NO FORCE ROW LEVEL SECURITY").await;
    let error = storage.find_by_email(EMAIL).await.unwrap_err();
    assert_eq!(missing(error), ["users"]);
    w.storage(&w.owner).migrate().await.unwrap();
    assert!(storage.find_by_email(EMAIL).await.unwrap().is_none());
}

#[tokio::test]
async fn a_function_that_the_role_may_not_run_is_named() {
    let w = Walled::new().await;
    w.admin(
        "DO $$ BEGIN EXECUTE format('REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA torii FROM %I', \
         (SELECT grantee FROM information_schema.routine_privileges \
          WHERE routine_name = 'torii_find_session_v1' AND grantee <> grantor LIMIT 1)); END $$",
    )
    .await;
    let reason = reason(w.storage(&w.app).check().await.unwrap_err());
    assert!(reason.to_string().contains("GRANT EXECUTE ON FUNCTION torii_find_session_v1"), "{reason}");
    assert!(matches!(reason, RowLevelSecurityError::NoExecute { .. }));
}

/// Else every read would find nothing, and say nothing about it.
#[tokio::test]
async fn a_database_with_policies_is_refused_without_the_option() {
    let w = Walled::new().await;
    furnish(&w.tenant("default")).await;
    for pool in [&w.app, &w.owner] {
        let storage = PostgresRepositoryProvider::new(pool.clone());
        let role = pool.connect_options().get_username().to_owned();
        for error in [storage.check().await.unwrap_err(), storage.migrate().await.unwrap_err()] {
            assert_eq!(reason(error), RowLevelSecurityError::NotSwitchedOn { role: role.clone() });
        }
    }
    // Who connects by an address finds out by the way.
    let mut url = sqlx::ConnectOptions::to_url_lossy(&*w.app.connect_options());
    url.query_pairs_mut().append_pair("options[search_path]", "torii");
    let url = url.to_string();
    let storage = PostgresStorage::connect(&url).await.unwrap();
    let refused = storage.clone().into_repository_provider().find_by_email(EMAIL).await.unwrap_err();
    assert!(matches!(reason(refused), RowLevelSecurityError::NotSwitchedOn { .. }));
    let storage = storage.row_level_security(true);
    storage.migrate().await.unwrap();
    assert!(storage.into_repository_provider().find_by_email(EMAIL).await.unwrap().is_some());
    // A role that policies do not concern sees what it always saw.
    let storage = PostgresRepositoryProvider::new(w.admin.clone());
    storage.migrate().await.unwrap();
    storage.check().await.unwrap();
    assert!(storage.find_by_email(EMAIL).await.unwrap().is_some());
}

#[tokio::test]
async fn what_was_enabled_can_be_disabled() {
    let w = Walled::new().await;
    let user = furnish(&w.tenant("default")).await;
    w.storage(&w.owner).disable_row_level_security().await.unwrap();
    assert!(matches!(reason(w.storage(&w.app).check().await.unwrap_err()), RowLevelSecurityError::NotEnabled { .. }));
    let storage = PostgresRepositoryProvider::new(w.app.clone());
    storage.check().await.unwrap();
    storage.migrate().await.unwrap();
    assert_eq!(storage.find_by_email(EMAIL).await.unwrap().unwrap().id, user.id);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn instances_that_start_at_once_all_start() {
    let w = Walled::empty().await;
    let starting: Vec<_> = (0..4)
        .map(|_| {
            let storage = w.storage(&w.owner);
            tokio::spawn(async move { storage.migrate().await })
        })
        .collect();
    for started in starting {
        started.await.unwrap().unwrap();
    }
    w.storage(&w.app).check().await.unwrap();
}

/// The database is asked once per provider, not once per call or tenant.
#[tokio::test]
async fn it_is_asked_once() {
    let w = Walled::new().await;
    let storage = w.tenant("a");
    storage.find_by_email(EMAIL).await.unwrap();
    w.admin("ALTER TABLE torii.users NO FORCE ROW LEVEL SECURITY").await;
    storage.for_tenant(TenantId::from_static("b")).find_by_email(EMAIL).await.unwrap();
    assert!(storage.check().await.is_err());
}
