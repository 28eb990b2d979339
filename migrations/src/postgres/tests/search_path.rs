use super::*;
use crate::{
    MigrationError,
    postgres::{migrate, status},
};

/// The pool of an application that gives torii a schema of its own.
fn in_schema(database: &PostgresDatabase, search_path: &str) -> PgPool {
    pool(database.options().options([("search_path", search_path)]))
}

/// An application with tables of the same names in `public`, and bookkeeping of an older torii there.
const NEIGHBOURS: &str = "CREATE SCHEMA torii; CREATE TABLE users (nick TEXT); \
    CREATE TABLE _torii_migrations (version INTEGER); CREATE TABLE _torii_schema (mine TEXT)";

#[tokio::test]
async fn a_schema_of_its_own_is_used_and_no_other_is_touched() {
    let (database, public) = empty().await;
    execute(&public, NEIGHBOURS).await;
    for search_path in ["torii", "torii, public"] {
        let pool = in_schema(&database, search_path);
        assert_eq!(migrate(&pool, &Noon).await.unwrap().applied.len(), 2);
        assert!(migrate(&pool, &Noon).await.unwrap().applied.is_empty());
        assert!(status(&pool).await.unwrap().is_up_to_date());
        assert_eq!(count(&pool, "SELECT count(*) FROM tenants").await, 1);
        assert_eq!(count(&public, "SELECT count(*) FROM pg_tables WHERE schemaname = 'torii'").await, 11);
        assert_eq!(count(&public, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").await, 3);
        execute(&public, "DROP SCHEMA torii CASCADE; CREATE SCHEMA torii").await;
    }
}

#[tokio::test]
async fn the_address_of_a_database_can_name_the_schema() {
    let (database, public) = empty().await;
    execute(&public, "CREATE SCHEMA torii").await;
    let pool = pool(format!("{}&options[search_path]=torii", database.url()).parse().unwrap());
    assert_eq!(migrate(&pool, &Noon).await.unwrap().applied.len(), 2);
    assert_eq!(count(&public, "SELECT count(*) FROM pg_tables WHERE schemaname = 'torii'").await, 11);
}

#[tokio::test]
async fn two_schemas_of_one_database_are_two() {
    let (database, public) = empty().await;
    execute(&public, "CREATE SCHEMA blue; CREATE SCHEMA green").await;
    let (blue, green) = (in_schema(&database, "blue"), in_schema(&database, "green, blue"));
    assert_eq!(migrate(&blue, &Noon).await.unwrap().applied.len(), 2);
    assert!(!status(&green).await.unwrap().is_up_to_date());
    assert_eq!(migrate(&green, &Noon).await.unwrap().applied.len(), 2);
    assert_eq!(contents(&blue).await, contents(&green).await);
}

#[tokio::test]
async fn a_search_path_that_leads_nowhere_says_so() {
    let (database, public) = empty().await;
    for search_path in ["torii", ""] {
        let pool = in_schema(&database, search_path);
        let error = migrate(&pool, &Noon).await.unwrap_err();
        assert!(
            matches!(&error, MigrationError::NoSchema { search_path: named, .. } if named == search_path),
            "{error:?}"
        );
        assert_eq!(status(&pool).await.unwrap_err().to_string(), error.to_string());
    }
    assert!(contents(&public).await.is_empty());
}
