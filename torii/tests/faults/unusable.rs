//! Databases that cannot be used, or not be written.

use std::time::Duration;

use sqlx::sqlite::SqlitePoolOptions;
use torii::{ToriiError, sqlite::SqliteStorage};
use torii_core::error::StorageErrorKind;

use crate::{
    calls::{Known, all_are, all_work, every_read, every_write},
    common::{self, EMAIL, Fixture, NEW_PASSWORD, PASSWORD, storage_kind},
    options,
    snapshot::{assert_unchanged, snapshot},
};

#[tokio::test]
async fn a_missing_schema_is_named_by_every_call() {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}?mode=rwc", directory.path().join("torii.db").display());
    let torii = torii::ToriiBuilder::new().with_sqlite(&url).await.unwrap();
    let torii = torii.with_password_hasher(common::fast_hasher()).build().await.unwrap();
    let acme = torii.with_tenant("acme");
    let mut known = Known::nothing();

    all_are(every_read(&acme, &known).await, StorageErrorKind::SchemaMissing);
    all_are(every_write(&acme, &mut known).await, StorageErrorKind::SchemaMissing);
    let error = acme.cleanup_expired().await.unwrap_err();
    assert_eq!(storage_kind(&error), Some(StorageErrorKind::SchemaMissing));
    assert!(error.to_string().ends_with("the schema is missing, run the migrations"));
    torii.health_check().await.unwrap();

    torii.migrate().await.unwrap();
    acme.register_user(EMAIL, PASSWORD).await.unwrap();
}

#[tokio::test]
async fn a_read_only_database_is_named_by_every_write_and_read_by_every_read() {
    let fixture = Fixture::open().await;
    let mut known = Known::new(&fixture.acme).await;
    let before = snapshot(fixture.pool(), &[]).await;
    let url = format!("sqlite://{}?mode=ro", fixture.file().display());
    let provider = SqliteStorage::connect(&url).await.unwrap().into_repository_provider();
    let torii = fixture.on(provider.pool().clone());
    let acme = torii.with_tenant("acme");

    all_work(every_read(&acme, &known).await);
    all_are(every_write(&acme, &mut known).await, StorageErrorKind::ReadOnly);
    assert_eq!(storage_kind(&acme.cleanup_expired().await.unwrap_err()), Some(StorageErrorKind::ReadOnly));
    torii.health_check().await.unwrap();
    assert_unchanged(&before, &snapshot(fixture.pool(), &[]).await, "nothing can be written");
}

#[tokio::test]
async fn a_database_locked_by_another_process_is_named_by_every_write_and_read_by_every_read() {
    let fixture = Fixture::open().await;
    let mut known = Known::new(&fixture.acme).await;
    let pool = SqlitePoolOptions::new().connect_lazy_with(options(&fixture).busy_timeout(Duration::from_millis(5)));
    let acme = fixture.on(pool).with_tenant("acme");
    let before = snapshot(fixture.pool(), &[]).await;

    let mut writer = fixture.pool().begin_with("BEGIN IMMEDIATE").await.unwrap();
    sqlx::query("UPDATE users SET name = 'half done'").execute(&mut *writer).await.unwrap();
    all_work(every_read(&acme, &known).await);
    all_are(every_write(&acme, &mut known).await, StorageErrorKind::Locked);
    assert_eq!(storage_kind(&acme.cleanup_expired().await.unwrap_err()), Some(StorageErrorKind::Locked));
    writer.rollback().await.unwrap();

    assert_unchanged(&before, &snapshot(fixture.pool(), &[]).await, "no token is burnt");
    acme.password().reset_password_complete(&known.reset, NEW_PASSWORD).await.unwrap();
    acme.magic_link().authenticate(&known.link, None, None).await.unwrap();
    acme.verify_email_token(&known.verification).await.unwrap();
    assert_eq!(acme.oauth().get_pkce_verifier("state").await.unwrap().as_deref(), Some("verifier"));
    assert!(acme.get_session(&known.token).await.is_err(), "the reset ended it");
}

#[tokio::test]
async fn a_closed_pool_is_named_by_every_call() {
    let fixture = Fixture::open().await;
    let mut known = Known::new(&fixture.acme).await;
    fixture.pool().close().await;
    all_are(every_read(&fixture.acme, &known).await, StorageErrorKind::Unavailable);
    all_are(every_write(&fixture.acme, &mut known).await, StorageErrorKind::Unavailable);
    assert_eq!(storage_kind(&fixture.torii.health_check().await.unwrap_err()), Some(StorageErrorKind::Unavailable));
    assert!(matches!(fixture.torii.migrate().await, Err(ToriiError::StorageError(_))));
}

#[tokio::test]
async fn a_full_disk_is_named_and_leaves_nothing_half_done() {
    let fixture = Fixture::open().await;
    let known = Known::new(&fixture.acme).await;
    let pages: i64 = sqlx::query_scalar("PRAGMA page_count").fetch_one(fixture.pool()).await.unwrap();
    // The limit is one of the connection, so there is only one.
    let one = || SqlitePoolOptions::new().max_connections(1).min_connections(1);
    let full = one().connect_lazy_with(options(&fixture).pragma("max_page_count", pages.to_string()));
    let acme = fixture.on(full).with_tenant("acme");

    let mut registered = acme.count_users().await.unwrap();
    let name = "n".repeat(250);
    let error = loop {
        let email = format!("user{registered}@example.com");
        match acme.password().register_with_name(&email, PASSWORD, Some(&name)).await {
            Ok(_) => registered += 1,
            Err(error) => break error,
        }
        assert!(registered < 10_000, "the disk is never full");
    };
    assert_eq!(storage_kind(&error), Some(StorageErrorKind::Full));
    assert!(error.to_string().ends_with("the disk is full"));
    assert_eq!(acme.count_users().await.unwrap(), registered, "every registration happened in full or not at all");
    all_work(every_read(&acme, &known).await);

    // Sessions fill what little is left; then no flow gets through, and none is half done.
    let agent = Some("a".repeat(1000));
    while acme.create_session(&known.user.id, agent.clone(), None).await.is_ok() {}
    let counters = ["lockouts", "failed_login_attempts"];
    let before = snapshot(fixture.pool(), &counters).await;
    let error = acme.authenticate(EMAIL, PASSWORD, agent.clone(), None).await.unwrap_err();
    assert_eq!(storage_kind(&error), Some(StorageErrorKind::Full), "{error:?}");
    let error = acme.magic_link().authenticate(&known.link, agent.clone(), None).await.unwrap_err();
    assert_eq!(storage_kind(&error), Some(StorageErrorKind::Full), "{error:?}");
    assert_unchanged(&before, &snapshot(fixture.pool(), &counters).await, "the disk is full");

    // Space again: everything that failed works, the link too.
    fixture.acme.register_user(&format!("user{registered}@example.com"), PASSWORD).await.unwrap();
    fixture.acme.authenticate(EMAIL, PASSWORD, agent.clone(), None).await.unwrap();
    fixture.acme.magic_link().authenticate(&known.link, agent, None).await.unwrap();
}
