//! Accounts that may not do everything.

use torii_core::error::StorageErrorKind;

use super::*;
use crate::{
    MigrationError,
    mysql::{migrate, status},
};

const EVERYDAY: &str = "SELECT, INSERT, UPDATE, DELETE";

#[tokio::test]
async fn an_account_that_may_not_create_tables_says_so_and_nothing_is_changed() {
    let (database, everything) = empty().await;
    let account = database.account(EVERYDAY).await;
    let error = migrate(&pool(account.clone()), &Noon).await.unwrap_err();
    let MigrationError::MayNotCreate { role, schema } = &error else { panic!("{error:?}") };
    assert_eq!((role.as_str(), schema.as_str()), (format!("{}@%", account.get_username()).as_str(), database.name()));
    assert!(contents(&everything).await.is_empty());
}

#[tokio::test]
async fn an_account_without_rights_to_change_the_schema_is_no_obstacle_where_nothing_is_to_do() {
    let (database, _) = migrated().await;
    for privileges in [EVERYDAY, "SELECT"] {
        let pool = pool(database.account(privileges).await);
        assert!(migrate(&pool, &Noon).await.unwrap().applied.is_empty());
        assert!(status(&pool).await.unwrap().is_up_to_date());
    }
}

/// What a step needs, and the README tells.
#[tokio::test]
async fn an_owner_needs_no_right_beyond_the_database() {
    let (database, everything) = empty().await;
    let owner = database.account("SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, INDEX, DROP, REFERENCES").await;
    assert_eq!(run_steps(&pool(owner), &steps_and(BY_NAME)).await.unwrap(), [1, 2, 3]);
    assert!(contents(&everything).await.len() > 100);
}

/// The driver writes the zone between quotes, which lets a test say more.
#[tokio::test]
async fn a_read_only_session_says_so_unless_nothing_is_to_do() {
    const READ_ONLY: &str = "+00:00', /*M! tx_read_only = 1 */ /*!80000 transaction_read_only = 1 */, sql_mode = '";
    let (database, everything) = empty().await;
    let read_only = pool(database.options().timezone(READ_ONLY.to_owned()));
    let error = migrate(&read_only, &Noon).await.unwrap_err();
    assert!(matches!(error, MigrationError::Step { version: 1, kind: StorageErrorKind::ReadOnly, .. }), "{error:?}");
    assert!(contents(&everything).await.is_empty());

    migrate(&everything, &Noon).await.unwrap();
    assert!(migrate(&read_only, &Noon).await.unwrap().applied.is_empty());
}
