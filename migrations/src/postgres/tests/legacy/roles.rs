//! Rights.

use super::*;

/// The owner of the tables, and the application's role with rights on them.
async fn roles() -> (PostgresDatabase, PgPool, PgPool) {
    let database = PostgresServer::shared().empty_database().await;
    let (owner, application) = (database.role().await, database.role().await);
    let admin = database.pool();
    execute(&admin, "GRANT CREATE ON SCHEMA public TO PUBLIC").await;
    let owner = pool(owner);
    load(&owner, V053).await;
    let grant = format!(
        "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {}",
        application.get_username()
    );
    sqlx::raw_sql(safe(grant)).execute(&owner).await.unwrap();
    (database, owner, pool(application))
}

#[tokio::test]
async fn who_does_not_own_the_tables_is_told_and_changes_nothing() {
    let (database, _, application) = roles().await;
    let admin = database.pool();
    let before = everything(&admin).await;
    let error = migrate(&application, &Noon).await.unwrap_err();
    let MigrationError::MayNotAlter { role, tables } = &error else { panic!("{error:?}") };
    assert_eq!(role, application.connect_options().get_username());
    assert!(tables.contains(&"users".to_owned()) && tables.contains(&"sessions".to_owned()));
    assert!(error.to_string().contains("nothing was changed"), "{error}");
    assert_eq!(everything(&admin).await, before);

    execute(&admin, "REVOKE CREATE ON SCHEMA public FROM PUBLIC").await;
    let error = migrate(&application, &Noon).await.unwrap_err();
    assert!(matches!(error, MigrationError::MayNotCreate { .. }), "{error:?}");
    // To look needs no more than to read.
    assert_eq!(status(&application).await.unwrap().adoptable, Some(OlderVersion::Sqlx05));
}

#[tokio::test]
async fn the_applications_role_may_do_with_the_new_tables_what_it_did_with_the_old() {
    let (_database, owner, application) = roles().await;
    adopt(&owner).await;
    assert!(status(&application).await.unwrap().is_up_to_date());
    assert!(migrate(&application, &Noon).await.unwrap().applied.is_empty());
    execute(
        &application,
        "INSERT INTO tenants (id, created_at, updated_at) VALUES ('acme', now(), now());
         INSERT INTO users (tenant_id, id, email, email_key, created_at, updated_at)
             VALUES ('acme', 'anna', 'a', 'a', now(), now());
         INSERT INTO sessions (tenant_id, token_digest, user_id, created_at, updated_at, expires_at)
             VALUES ('acme', decode(repeat('00', 32), 'hex'), 'anna', now(), now(), now());
         INSERT INTO failed_login_attempts (tenant_id, email, attempted_at) VALUES ('acme', 'a', now());
         DELETE FROM tenants WHERE id = 'acme'",
    )
    .await;
    assert!(sqlx::raw_sql("DROP TABLE sessions").execute(&application).await.is_err());
}

/// What the older version's role changes meanwhile is listed, although that role has no right to the list.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_of_the_applications_role_are_seen() {
    let (_database, owner, application) = roles().await;
    let done = Arc::new(AtomicUsize::new(0));
    let mut options = MigrateOptions::new();
    options.kill = Some(Arc::new({
        let (done, application) = (Arc::clone(&done), application.clone());
        move || {
            // Once, after the copies were made and before the exchange.
            if done.fetch_add(1, Ordering::SeqCst) == 60 {
                tokio::task::block_in_place(|| {
                    tokio::runtime::Handle::current().block_on(async {
                        execute(&application, "DELETE FROM sessions WHERE user_id = 'usr_zoe'").await;
                    });
                });
            }
            false
        }
    }));
    migrate_with(&owner, &Noon, &options).await.unwrap();
    assert!(done.load(Ordering::SeqCst) > 60);
    assert_eq!(count(&owner, "SELECT count(*) FROM sessions").await, 1);
}
