//! What goes wrong for good is undone.

use torii_core::error::StorageErrorKind;

use super::*;

async fn is_undone(more: &str) -> MigrationError {
    let (_database, pool) = old(V053, more).await;
    let before = dump(&pool).await;
    let error = migrate(&pool, &Noon).await.unwrap_err();
    assert_eq!(dump(&pool).await, before);
    assert_eq!(status(&pool).await.unwrap().adoptable, Some(OlderVersion::SeaOrm05));
    error
}

/// A trigger of the application answers as a full disk does.
#[tokio::test]
async fn a_full_disk() {
    let error = is_undone(
        "CREATE TRIGGER full_disk BEFORE UPDATE ON users FOR EACH ROW
             SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = 1114, MESSAGE_TEXT = 'The table is full'",
    )
    .await;
    let is_full = matches!(&error, MigrationError::Adoption { kind, .. } if *kind == StorageErrorKind::Full);
    assert!(is_full, "{error:?}");
}

/// What was written is read again: here a trigger of the application writes something else.
#[tokio::test]
async fn what_is_not_written_as_it_should_be() {
    let shout = "CREATE TRIGGER shout BEFORE UPDATE ON users FOR EACH ROW SET NEW.name = UPPER(NEW.name)";
    let error = is_undone_but_for_names(shout).await;
    assert!(matches!(&error, MigrationError::NotCopied { table, .. } if table == "users"), "{error:?}");
}

/// The names were changed by the application's own trigger, in the application's own table.
async fn is_undone_but_for_names(more: &str) -> MigrationError {
    let (_database, pool) = old(V053, more).await;
    let before = dump(&pool).await;
    let error = migrate(&pool, &Noon).await.unwrap_err();
    let mut after = dump(&pool).await;
    assert_eq!(after["users"][0], before["users"][0]);
    after.insert("users".to_owned(), before["users"].clone());
    assert_eq!(after, before);
    error
}

/// The last statement that can fail: with it, an index of the application would hold too much.
#[tokio::test]
async fn an_index_that_would_hold_too_much() {
    let error = is_undone(
        "CREATE INDEX wide ON users (email, name, password_hash, created_at, updated_at);
         CREATE TABLE articles (id INTEGER PRIMARY KEY, author VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci,
             CONSTRAINT articles_author FOREIGN KEY (author) REFERENCES users (id) ON DELETE SET NULL)",
    )
    .await;
    assert!(matches!(&error, MigrationError::Adoption { step, .. } if step == LAST), "{error:?}");
}

/// Killed while it is undone, the next start tries again, and what it finds wrong is undone again.
#[tokio::test]
async fn killed_while_it_is_undone() {
    const MORE: &str = "CREATE INDEX wide ON users (email, name, password_hash, created_at, updated_at)";
    let (mut number, mut killed) = (38, 0);
    loop {
        let (_database, pool) = old(V053, MORE).await;
        let before = dump(&pool).await;
        let error = migrate_with(&pool, &Noon, &ending_at(number)).await.unwrap_err();
        number += 1;
        if matches!(&error, MigrationError::Adoption { kind: StorageErrorKind::Unavailable, .. }) {
            continue;
        }
        assert!(matches!(&error, MigrationError::Adoption { step, .. } if step == LAST), "{error:?}");
        if dump(&pool).await == before {
            break;
        }
        killed += 1;
        let error = migrate(&pool, &Noon).await.unwrap_err();
        assert!(matches!(&error, MigrationError::Adoption { step, .. } if step == LAST), "{error:?}");
        assert_eq!(dump(&pool).await, before, "{number}");
    }
    assert!(killed > 10, "{killed}");
}

const LAST: &str = "make users what it is today";
