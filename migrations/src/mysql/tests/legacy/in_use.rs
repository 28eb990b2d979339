//! While the older version goes on.

use super::*;

/// A transaction that will not end: the upgrade gives up after its deadline, and the older version has its tables.
#[tokio::test]
async fn a_reader_that_stays_is_waited_for_only_until_the_deadline() {
    let (_database, pool) = old(LATER, "").await;
    let mut reader = pool.begin().await.unwrap();
    sqlx::query("SELECT id FROM sessions").fetch_all(&mut *reader).await.unwrap();
    let impatient = MigrateOptions::new().lock_timeout(Duration::from_millis(1500));
    let error = migrate_with(&pool, &Noon, &impatient).await.unwrap_err();
    assert!(matches!(error, MigrationError::Locked { .. }), "{error:?}");
    assert_eq!(count(&pool, "SELECT COUNT(*) FROM sessions WHERE token <> ''").await, 7);
    reader.commit().await.unwrap();
    assert!(migrate(&pool, &Noon).await.unwrap().adopted.is_some());
}

/// At every statement the older version tries to write. It either succeeds, and what it wrote is taken over, or it is told that it
/// did not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_it_writes_is_taken_over_or_refused() {
    let (database, pool) = old(V053, "").await;
    let older = database.pool();
    let done = Arc::new(std::sync::Mutex::new(Vec::new()));
    let mut options = MigrateOptions::new();
    options.kill = Some(Arc::new({
        let (done, number) = (Arc::clone(&done), AtomicUsize::new(1));
        move || {
            let number = number.fetch_add(1, Ordering::SeqCst);
            let id = format!("usr_n{number}");
            let worked = tokio::task::block_in_place(|| {
                tokio::runtime::Handle::current().block_on(async {
                    let mut transaction = older.begin().await?;
                    sqlx::raw_sql("SET SESSION lock_wait_timeout = 1").execute(&mut *transaction).await?;
                    sqlx::query("INSERT INTO users (id, email) VALUES (?, CONCAT(?, '@example.com'))")
                        .bind(&id)
                        .bind(&id)
                        .execute(&mut *transaction)
                        .await?;
                    sqlx::query("INSERT INTO sessions (user_id, token, expires_at) VALUES (?, ?, '2036-01-01')")
                        .bind(&id)
                        .bind(&id)
                        .execute(&mut *transaction)
                        .await?;
                    transaction.commit().await
                })
            });
            if worked.is_ok() {
                done.lock().unwrap().push(id);
            }
            false
        }
    }));
    migrate_with(&pool, &Noon, &options).await.unwrap();
    let done = done.lock().unwrap().clone();
    assert!(done.len() > 3, "{done:?}");
    for id in &done {
        let found: i64 = sqlx::query_scalar(
            "SELECT COUNT(*) FROM sessions JOIN users ON users.id = user_id \
             WHERE token_digest = UNHEX(SHA2(?, 256)) AND email_key = CONCAT(?, '@example.com')",
        )
        .bind(id)
        .bind(id)
        .fetch_one(&pool)
        .await
        .unwrap();
        assert_eq!(found, 1, "{id}");
    }
    assert_eq!(count(&pool, "SELECT COUNT(*) FROM sessions").await, 7 + done.len() as i64);
    assert_eq!(count(&pool, "SELECT COUNT(*) FROM users").await, 9 + done.len() as i64);
}

/// What it writes after the rows were examined, and before it loses its tables, may be what nobody could answer for: it gets them
/// back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_it_writes_at_the_last_moment_is_examined_too() {
    let (database, pool) = old(V053, "").await;
    let before = dump(&pool).await;
    let older = database.pool();
    let mut options = MigrateOptions::new();
    let seen = AtomicUsize::new(0);
    options.kill = Some(Arc::new(move || {
        if seen.fetch_add(1, Ordering::SeqCst) == 0 {
            let worked = tokio::task::block_in_place(|| {
                tokio::runtime::Handle::current().block_on(
                    sqlx::raw_sql("SET SESSION sql_mode = ''; UPDATE users SET email_verified_at = '0000-00-00' WHERE name = 'OA 0'")
                        .execute(&older),
                )
            });
            worked.unwrap();
        }
        false
    }));
    let error = migrate_with(&pool, &Noon, &options).await.unwrap_err();
    let MigrationError::DirtyData { findings, .. } = &error else { panic!("{error:?}") };
    assert_eq!(
        findings[0].to_string(),
        "users usr_5Q383apx2eSdRaATH: email_verified_at cannot be read: 0000-00-00 00:00:00"
    );
    execute(&pool, "UPDATE users SET email_verified_at = NULL WHERE name = 'OA 0'").await;
    assert_eq!(dump(&pool).await, before);
    adopt(&pool).await;
}

/// An older version that is started in the middle may make a table again. It is not overwritten, and not taken for its own.
#[tokio::test]
async fn a_table_that_is_made_again_meanwhile_is_in_the_way() {
    let (_database, pool) = old(LATER, "").await;
    migrate_with(&pool, &Noon, &ending_at(30)).await.unwrap_err();
    execute(&pool, "CREATE TABLE sessions (id BIGINT)").await;
    for _ in 0..2 {
        let error = migrate(&pool, &Noon).await.unwrap_err();
        assert!(matches!(&error, MigrationError::ForeignDatabase { table } if table == "sessions"), "{error:?}");
    }
    execute(&pool, "DROP TABLE sessions").await;
    adopt(&pool).await;
}

/// Just as a table that it had not made before.
#[tokio::test]
async fn a_table_that_is_made_meanwhile_is_taken_over_too() {
    let (_database, pool) = old(V053, "").await;
    migrate_with(&pool, &Noon, &ending_at(30)).await.unwrap_err();
    const LOG: &str = "CREATE TABLE failed_login_attempts (id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
            email VARCHAR(255) NOT NULL, ip_address VARCHAR(255), attempted_at TIMESTAMP NOT NULL);
        INSERT INTO failed_login_attempts (email, attempted_at) VALUES ('Ada@example.com', NOW())";
    execute(&pool, LOG).await;
    let adoption = adopt(&pool).await;
    let log = adoption.tables.iter().find(|table| table.source == "failed_login_attempts").unwrap();
    assert_eq!(log.adopted, 1);
    assert_eq!(text(&pool, "SELECT email FROM failed_login_attempts").await, "ada@example.com");
}
