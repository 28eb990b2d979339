//! Ends in the middle.

use tokio::sync::Barrier;
use torii_core::error::StorageErrorKind;

use super::*;

/// Ends the upgrade at one statement after the other, from the `number`th, `step` apart, each time of a database as it was left.
async fn ended_at_any_statement(fixture: &str, mut number: usize, step: usize) {
    const APPLICATION: &str = "
        CREATE TABLE articles (id INTEGER PRIMARY KEY, author VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci NOT NULL,
            CONSTRAINT articles_author FOREIGN KEY (author) REFERENCES users (id));
        INSERT INTO articles SELECT ROW_NUMBER() OVER (ORDER BY id), id FROM users";
    let more = if step.is_multiple_of(2) { APPLICATION } else { "" };
    let (_database, whole) = old(fixture, more).await;
    adopt(&whole).await;
    let expected = dump(&whole).await;
    loop {
        let (_database, pool) = old(fixture, more).await;
        match migrate_with(&pool, &Noon, &ending_at(number)).await {
            Ok(_) => break,
            Err(MigrationError::Adoption { kind, .. }) => assert_eq!(kind, StorageErrorKind::Unavailable, "{number}"),
            Err(error) => panic!("{number}: {error:?}"),
        }
        // What it was is known at any moment.
        let known = status(&pool).await.unwrap();
        assert!(known.adoptable.is_some() && !known.is_up_to_date(), "{number}");
        migrate(&pool, &Noon).await.unwrap();
        assert_eq!(dump(&pool).await, expected, "{number}");
        number += step;
    }
    assert!(number > 50, "{number}");
}

/// The next start finishes. Several tests, so that they run beside each other; with and without tables of the application that
/// refer to users.
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
async fn ended_at_any_statement_053() {
    ended_at_any_statement(V053, 0, 3).await;
}

#[tokio::test]
async fn ended_at_any_statement_053_second_part() {
    ended_at_any_statement(V053, 1, 3).await;
}

#[tokio::test]
async fn ended_at_any_statement_053_third_part() {
    ended_at_any_statement(V053, 2, 3).await;
}

/// Every start of them dies, each a little later than the one before.
#[tokio::test]
async fn ended_again_and_again_it_comes_to_its_end() {
    let (_database, pool) = old(LATER, "").await;
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
        for _ in 0..3 {
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
}

/// Tables are exchanged while somebody looks: they must not take them for somebody else's.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn who_looks_meanwhile_is_not_refused() {
    for (fixture, version) in ALL {
        let (database, pool) = old(fixture, "").await;
        let migration = tokio::spawn({
            let pool = database.pool();
            async move { migrate(&pool, &Noon).await }
        });
        loop {
            let known = status(&pool).await.unwrap();
            if known.is_up_to_date() {
                assert_eq!(known.adopted.unwrap().from, version);
                break;
            }
            assert_eq!(known.adoptable, Some(version));
        }
        migration.await.unwrap().unwrap();
    }
}
