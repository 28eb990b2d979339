//! The builder on SeaORM. What it does then, the laws of torii-testkit prove.

#![allow(clippy::unwrap_used, clippy::panic, reason = "it is a test")]

use sea_orm::{ConnectOptions, Database};
use torii::{ToriiBuilder, ToriiBuilderError};

#[tokio::test]
async fn a_url_is_all_it_takes() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}?mode=rwc", folder.path().join("app.db").display());
    let builder = ToriiBuilder::new().with_seaorm(&url).await.unwrap();
    let torii = builder.apply_migrations(true).build().await.unwrap();
    let acme = torii.with_tenant("acme-corp");
    acme.register_user("john@example.com", "correct horse battery").await.unwrap();
    acme.authenticate("john@example.com", "correct horse battery", None, None).await.unwrap();
    assert_eq!(torii.get_user_by_email("john@example.com").await.unwrap(), None);
}

#[tokio::test]
async fn a_connection_of_the_application_does_too() {
    let mut options = ConnectOptions::new("sqlite::memory:");
    options.max_connections(1).test_before_acquire(false);
    let connection = Database::connect(options).await.unwrap();
    let builder = ToriiBuilder::new().with_seaorm_connection(connection.clone());
    let torii = builder.apply_migrations(true).build().await.unwrap();
    torii.register_user("john@example.com", "correct horse battery").await.unwrap();
    assert_eq!(torii.count_users().await.unwrap(), 1);
    // It is still the application's.
    connection.ping().await.unwrap();
}

#[tokio::test]
async fn what_cannot_be_opened_is_said_without_the_password() {
    for url in
        ["sqlite:///nowhere/at/all/app.db", "redis://john:hunter2@localhost", "mysql://john:hunter2@localhost:1/app"]
    {
        match ToriiBuilder::new().with_seaorm(url).await.err().unwrap() {
            ToriiBuilderError::StorageConnection(text) => {
                assert!(!text.is_empty() && !text.contains("hunter2"), "{text}");
            }
            other => panic!("{other:?}"),
        }
    }
}
