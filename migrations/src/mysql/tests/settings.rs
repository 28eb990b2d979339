//! Whatever the defaults of the server, the account and the database are.

use super::*;
use crate::mysql::{migrate, status};

async fn schema_of(options: MySqlConnectOptions) -> Vec<String> {
    let pool = pool(options.clone());
    assert_eq!(migrate(&pool, &Noon).await.unwrap().applied.len(), 2);
    assert!(status(&pool).await.unwrap().is_up_to_date());
    assert!(migrate(&pool, &Noon).await.unwrap().applied.is_empty());
    pool.close().await;
    // Read through an ordinary connection: every time is the clock's, in UTC.
    let ordinary = super::pool(options.timezone("+00:00".to_owned()).charset("utf8mb4"));
    let (created_at, finished_at): (DateTime<Utc>, DateTime<Utc>) =
        sqlx::query_as("SELECT t.created_at, s.finished_at FROM tenants AS t, _torii_schema AS s WHERE version = 1")
            .fetch_one(&ordinary)
            .await
            .unwrap();
    assert_eq!((created_at, finished_at), (Noon.now(), Noon.now()));
    contents(&ordinary).await
}

#[tokio::test]
async fn the_schema_is_the_same_under_every_setting() {
    let (plain, _) = empty().await;
    let expected = schema_of(plain.options()).await;
    // The driver writes the zone between quotes, which lets a test say more.
    for settings in [
        "+05:30",
        "-11:00', sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES,PIPES_AS_CONCAT,PAD_CHAR_TO_FULL_LENGTH",
        "+00:00', sql_mode = '",
        "+00:00', sql_mode = 'TRADITIONAL",
        "+00:00', default_storage_engine = 'MyISAM",
        "+00:00', foreign_key_checks = 0, autocommit = 0, lock_wait_timeout = 100, sql_mode = '",
        "+00:00', /*M! max_statement_time = 0.001, */ sql_mode = '",
    ] {
        let (database, _) = empty().await;
        assert_eq!(schema_of(database.options().timezone(settings.to_owned())).await, expected, "{settings}");
    }
    for charset in ["latin1", "ascii"] {
        let (database, _) = empty().await;
        assert_eq!(schema_of(database.options().charset(charset)).await, expected, "{charset}");
    }
}

#[tokio::test]
async fn the_databases_own_character_set_and_collation_are_not_looked_at() {
    let (plain, _) = empty().await;
    let expected = schema_of(plain.options()).await;
    for alter in [
        "ALTER DATABASE CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci",
        "ALTER DATABASE CHARACTER SET ucs2",
        "ALTER DATABASE CHARACTER SET binary",
    ] {
        let (database, pool) = empty().await;
        execute(&pool, alter).await;
        assert_eq!(schema_of(database.options()).await, expected, "{alter}");
    }
}
