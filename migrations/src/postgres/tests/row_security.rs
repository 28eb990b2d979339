//! With `FORCE ROW LEVEL SECURITY` the owner's own statements see no row, and say nothing about it.

use super::*;
use crate::{MigrationError, postgres::migrate};

/// A schema whose owner is a plain role, with two users, and policies that let nobody see anything.
async fn forced() -> (PostgresDatabase, PgPool) {
    let database = PostgresServer::shared().empty_database().await;
    let owner = database.role().await;
    let admin = database.pool();
    execute(&admin, "GRANT CREATE ON SCHEMA public TO PUBLIC").await;
    let owner = pool(owner);
    migrate(&owner, &Noon).await.unwrap();
    execute(
        &owner,
        "INSERT INTO users (id, email, email_key, created_at, updated_at)
             VALUES ('anna', 'a', 'a', now(), now()), ('ben', 'b', 'b', now(), now());
         ALTER TABLE users ENABLE ROW LEVEL SECURITY; ALTER TABLE users FORCE ROW LEVEL SECURITY;
         ALTER TABLE tenants ENABLE ROW LEVEL SECURITY; ALTER TABLE tenants FORCE ROW LEVEL SECURITY",
    )
    .await;
    assert_eq!(count(&owner, "SELECT count(*) FROM users").await, 0);
    (database, owner)
}

#[tokio::test]
async fn a_step_whose_rows_would_be_hidden_fails() {
    for sql in [
        "UPDATE users SET name = 'filled in'",
        // Nobody's parent exists; hidden rows would count as checked.
        "ALTER TABLE users ADD CONSTRAINT parent FOREIGN KEY (email) REFERENCES users (id)",
    ] {
        let (database, owner) = forced().await;
        let error = run_steps(&owner, &steps_and(Body::InTransaction(sql))).await.unwrap_err();
        assert!(matches!(error, MigrationError::Step { version: 3, .. }), "{error:?}");
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert!(cause.contains("row-level security") || cause.contains("foreign key"), "{cause}");
        assert_eq!(count(&database.pool(), "SELECT max(version) FROM _torii_schema").await, 2);
    }
}

#[tokio::test]
async fn a_step_that_lifts_it_sees_every_row() {
    let (database, owner) = forced().await;
    let steps = steps_and(Body::InTransaction(
        "ALTER TABLE users NO FORCE ROW LEVEL SECURITY; UPDATE users SET name = 'filled in'; \
         ALTER TABLE users FORCE ROW LEVEL SECURITY",
    ));
    assert_eq!(run_steps(&owner, &steps).await.unwrap(), [3]);
    assert_eq!(count(&database.pool(), "SELECT count(*) FROM users WHERE name = 'filled in'").await, 2);
    assert_eq!(count(&owner, "SELECT count(*) FROM users").await, 0);
}
