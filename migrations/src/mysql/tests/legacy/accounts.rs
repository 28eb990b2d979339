//! Rights.

use super::*;

const EVERYDAY: &str = "SELECT, INSERT, UPDATE, DELETE";

#[tokio::test]
async fn who_may_not_change_the_tables_is_told_and_changes_nothing() {
    for privileges in [
        EVERYDAY,
        "SELECT",
        "SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, INDEX, REFERENCES",
        "SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, INDEX, REFERENCES",
        "SELECT, INSERT, UPDATE, DELETE, ALTER, DROP, INDEX, REFERENCES",
        "SELECT, INSERT, DELETE, CREATE, ALTER, DROP, INDEX, REFERENCES",
    ] {
        let (database, everything) = old(V053, "").await;
        let before = dump(&everything).await;
        let account = database.account(privileges).await;
        let error = migrate(&super::pool(account.clone()), &Noon).await.unwrap_err();
        let MigrationError::MayNotAlter { role, tables } = &error else { panic!("{privileges}: {error:?}") };
        assert_eq!(role, &format!("{}@%", account.get_username()));
        assert!(tables.contains(&"users".to_owned()), "{tables:?}");
        assert!(error.to_string().contains("nothing was changed"), "{error}");
        assert_eq!(dump(&everything).await, before, "{privileges}");
        // To look needs no more than to read.
        let account = super::pool(account);
        assert_eq!(status(&account).await.unwrap().adoptable, Some(OlderVersion::SeaOrm05));
        assert!(plan(&account, &MigrateOptions::new()).await.unwrap().findings.is_empty());
    }
}

#[tokio::test]
async fn an_owner_needs_no_right_beyond_the_database() {
    let (database, everything) = old(LATER, "").await;
    let owner = database.account("SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, INDEX, DROP, REFERENCES").await;
    let owner = super::pool(owner);
    adopt(&owner).await;
    crate::mysql::drop_backup(&owner, &MigrateOptions::new()).await.unwrap();
    assert!(status(&everything).await.unwrap().is_up_to_date());
}

#[tokio::test]
async fn the_applications_account_goes_on_afterwards() {
    let (database, pool) = old(LATER, "").await;
    adopt(&pool).await;
    let application = super::pool(database.account(EVERYDAY).await);
    assert!(migrate(&application, &Noon).await.unwrap().applied.is_empty());
    assert!(status(&application).await.unwrap().is_up_to_date());
    execute(
        &application,
        "INSERT INTO tenants (id, created_at, updated_at) VALUES ('acme', NOW(6), NOW(6));
         INSERT INTO users (tenant_id, id, email, email_key, created_at, updated_at)
             VALUES ('acme', 'anna', 'a', 'a', NOW(6), NOW(6));
         INSERT INTO sessions (tenant_id, token_digest, user_id, created_at, updated_at, expires_at)
             VALUES ('acme', REPEAT('x', 32), 'anna', NOW(6), NOW(6), NOW(6));
         DELETE FROM tenants WHERE id = 'acme'",
    )
    .await;
}
