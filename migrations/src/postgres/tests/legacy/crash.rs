//! Ends in the middle.

use tokio::sync::Barrier;
use torii_core::error::StorageErrorKind;

use super::*;

/// Has the server end the session at the statement with this number.
fn ending_at(number: usize) -> MigrateOptions {
    let seen = AtomicUsize::new(0);
    let mut options = MigrateOptions::new();
    options.kill = Some(Arc::new(move || seen.fetch_add(1, Ordering::SeqCst) == number));
    options
}

/// What a sign-in of the older version reads.
const STILL_SERVED: &str = "SELECT count(*) FROM users JOIN sessions ON sessions.user_id = users.id WHERE token <> ''";

/// Every row; of the log of wrong passwords without the number, because numbers that were drawn and not used are gone.
async fn unnumbered(pool: &PgPool) -> BTreeMap<String, Vec<String>> {
    let mut rows = rows(pool).await;
    let log = "SELECT (email, ip_address, attempted_at)::text FROM failed_login_attempts ORDER BY 1";
    rows.insert("failed_login_attempts".to_owned(), sqlx::query_scalar(log).fetch_all(pool).await.unwrap());
    rows
}

/// Ends the upgrade at one statement after the other, from the `number`th, `step` apart, each time of a database as it was left.
async fn ended_at_any_statement(fixture: &str, mut number: usize, step: usize) {
    let (_database, whole) = old(fixture, "").await;
    adopt(&whole).await;
    let expected = unnumbered(&whole).await;
    let (_database, pool) = empty().await;
    loop {
        execute(&pool, "DROP SCHEMA public CASCADE; CREATE SCHEMA public").await;
        load(&pool, fixture).await;
        let served = count(&pool, STILL_SERVED).await;
        match migrate_with(&pool, &Noon, &ending_at(number)).await {
            Ok(_) => break,
            Err(MigrationError::Adoption { kind, .. } | MigrationError::Step { kind, .. }) => {
                assert_eq!(kind, StorageErrorKind::Unavailable, "{number}");
            }
            Err(error) => panic!("{number}: {error:?}"),
        }
        // Not yet exchanged: the older version reads and writes.
        assert_eq!(count(&pool, STILL_SERVED).await, served, "{number}");
        execute(&pool, "UPDATE users SET name = name").await;
        migrate(&pool, &Noon).await.unwrap();
        assert_eq!(unnumbered(&pool).await, expected, "{number}");
        number += step;
    }
    assert!(number > 60, "{number}");
}

/// The older version goes on, and the next start finishes. Four tests, so that they run beside each other.
#[tokio::test]
async fn ended_at_any_statement_after_053() {
    ended_at_any_statement(LATER, 0, 4).await;
}

#[tokio::test]
async fn ended_at_any_statement_after_053_second_part() {
    ended_at_any_statement(LATER, 1, 4).await;
}

#[tokio::test]
async fn ended_at_any_statement_after_053_third_part() {
    ended_at_any_statement(LATER, 2, 4).await;
}

#[tokio::test]
async fn ended_at_any_statement_after_053_fourth_part() {
    ended_at_any_statement(LATER, 3, 4).await;
}

#[tokio::test]
async fn ended_at_any_statement_after_053_seaorm() {
    ended_at_any_statement(LATER_SEAORM, 0, 7).await;
}

#[tokio::test]
async fn ended_at_any_statement_053() {
    ended_at_any_statement(V053, 0, 7).await;
}

#[tokio::test]
async fn ended_at_any_statement_053_seaorm() {
    ended_at_any_statement(V053_SEAORM, 0, 7).await;
}

/// Every start of them dies, each a little later than the one before.
#[tokio::test]
async fn ended_again_and_again_it_comes_to_its_end() {
    let (_database, pool) = old(LATER_SEAORM, "").await;
    let mut number = 0;
    while migrate_with(&pool, &Noon, &ending_at(number)).await.is_err() {
        number += 1;
    }
    assert!(number > 5, "{number}");
    let adoption = status(&pool).await.unwrap().adopted.unwrap();
    assert_eq!(adoption.tables.iter().map(|table| table.adopted).sum::<u64>(), 33);
    assert_eq!(adoption.set_aside(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_at_once_one_takes_over_and_the_others_wait() {
    for (fixture, version) in ALL {
        let (database, first) = old(fixture, "").await;
        let gate = Arc::new(Barrier::new(4));
        let tasks: Vec<_> = (0..4)
            .map(|_| {
                let (pool, gate) = (database.pool(), Arc::clone(&gate));
                tokio::spawn(async move {
                    gate.wait().await;
                    migrate(&pool, &Noon).await
                })
            })
            .collect();
        let mut adopted = Vec::new();
        for task in tasks {
            adopted.extend(task.await.unwrap().unwrap().adopted);
        }
        assert_eq!(adopted.iter().map(|adoption| adoption.from).collect::<Vec<_>>(), [version]);
        assert!(status(&first).await.unwrap().is_up_to_date());
    }
}

/// What fails for good before the exchange is undone. A trigger answers as a full disk does.
#[tokio::test]
async fn a_full_disk_says_so_and_leaves_the_database_as_it_was() {
    for fixture in [V053, LATER] {
        let (_database, pool) = old(
            fixture,
            "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS
                 $$ BEGIN RAISE EXCEPTION 'no space left on device' USING ERRCODE = '53100'; END $$;
             CREATE TRIGGER full_disk BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION full_disk()",
        )
        .await;
        let before = everything(&pool).await;
        let error = migrate(&pool, &Noon).await.unwrap_err();
        assert!(matches!(error, MigrationError::Adoption { kind: StorageErrorKind::Full, .. }), "{error:?}");
        assert!(error.to_string().contains("full"), "{error}");
        assert_eq!(everything(&pool).await, before);
        execute(&pool, "DROP TRIGGER full_disk ON users").await;
        assert!(migrate(&pool, &Noon).await.unwrap().adopted.is_some());
    }
}

/// What was written is read again: here a trigger of the application writes something else.
#[tokio::test]
async fn what_is_not_written_as_it_should_be_is_undone() {
    let (_database, pool) = old(
        LATER,
        "CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN NEW := jsonb_populate_record(NEW, jsonb_build_object('email_key', NEW.id)); RETURN NEW; END $$;
         CREATE TRIGGER shout BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION shout()",
    )
    .await;
    let before = everything(&pool).await;
    let error = migrate(&pool, &Noon).await.unwrap_err();
    assert!(
        matches!(&error, MigrationError::NotCopied { table, expected: 9, found: 0 } if table == "users"),
        "{error:?}"
    );
    assert_eq!(everything(&pool).await, before);
}
