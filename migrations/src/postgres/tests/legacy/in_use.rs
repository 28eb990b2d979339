//! While the older version goes on.

use torii_core::error::StorageErrorKind;

use super::*;

/// More rows than are copied at a time.
const MORE: &str = "INSERT INTO users (id, email) SELECT 'usr_' || n, 'user' || n || '@example.com' FROM generate_series(1, 2500) AS n;
    INSERT INTO sessions (user_id, token, expires_at) SELECT 'usr_' || n, 'token' || n, '2036-01-01' FROM generate_series(1, 2500) AS n";

/// What the older version does at some point: everything that it can do.
async fn some_work(pool: &PgPool, number: usize) -> sqlx::Result<()> {
    let mut transaction = pool.begin().await?;
    sqlx::raw_sql("SET LOCAL lock_timeout = '20ms'").execute(&mut *transaction).await?;
    let id = format!("usr_n{number}");
    sqlx::query("INSERT INTO users (id, email) VALUES ($1, $2)")
        .bind(&id)
        .bind(format!("New{number}@example.com"))
        .execute(&mut *transaction)
        .await?;
    sqlx::query("INSERT INTO sessions (user_id, token, expires_at) VALUES ($1, $2, '2036-01-01')")
        .bind(&id)
        .bind(format!("new token {number}"))
        .execute(&mut *transaction)
        .await?;
    for (statement, step) in [
        ("DELETE FROM sessions WHERE user_id = $1", 0),
        ("UPDATE sessions SET expires_at = '2037-01-01' WHERE user_id = $1", 1),
        ("UPDATE users SET email = 'Changed' || email WHERE id = $1", 2),
        ("DELETE FROM users WHERE id = $1", 3),
    ] {
        sqlx::query(statement).bind(format!("usr_{}", number * 4 + step)).execute(&mut *transaction).await?;
    }
    transaction.commit().await
}

/// At every statement of the upgrade the older version changes something. None of it is lost, and nothing that it deleted
/// comes back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_it_changes_meanwhile_is_brought_over() {
    for fixture in [V053, LATER] {
        let (database, pool) = old(fixture, MORE).await;
        // A connection of its own, and one that follows it.
        let older = database.pool();
        let done = Arc::new(std::sync::Mutex::new(Vec::new()));
        let mut options = MigrateOptions::new();
        options.kill = Some(Arc::new({
            let (done, number) = (Arc::clone(&done), AtomicUsize::new(1));
            move || {
                let number = number.fetch_add(1, Ordering::SeqCst);
                let worked = tokio::task::block_in_place(|| {
                    tokio::runtime::Handle::current().block_on(some_work(&older, number))
                });
                // Where the upgrade holds a lock the older version has to wait for it, here in vain.
                if worked.is_ok() {
                    done.lock().unwrap().push(number);
                }
                false
            }
        }));
        migrate_with(&pool, &Noon, &options).await.unwrap();
        let done = done.lock().unwrap().clone();
        assert!(done.len() > 15, "{done:?}");

        let wrong = "SELECT count(*) FROM sessions AS new FULL JOIN _torii_backup_sessions AS old \
            ON token_digest = CASE WHEN old.token ~ '^[0-9a-f]{64}$' THEN decode(old.token, 'hex') ELSE sha256(old.token::bytea) END \
            WHERE (new.user_id, new.expires_at) IS DISTINCT FROM \
                (old.user_id, least(old.expires_at, '9999-12-31 23:59:59+00'::timestamptz))";
        // The later version's sessions are digests; a token in clear is not taken over there.
        let clear = "SELECT count(*) FROM _torii_backup_sessions WHERE token !~ '^[0-9a-f]{64}$'";
        let expected = if fixture == V053 { 0 } else { count(&pool, clear).await };
        assert_eq!(count(&pool, wrong).await, expected);
        assert_eq!(count(&pool, "SELECT count(*) FROM users WHERE email_key <> lower(email)").await, 0);
        for number in done {
            let found: bool = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM users WHERE email_key = $1)")
                .bind(format!("new{number}@example.com"))
                .fetch_one(&pool)
                .await
                .unwrap();
            assert!(found, "{number}");
            let changed: Option<String> = sqlx::query_scalar("SELECT email_key FROM users WHERE id = $1")
                .bind(format!("usr_{}", number * 4 + 2))
                .fetch_optional(&pool)
                .await
                .unwrap();
            let key = format!("changeduser{}@example.com", number * 4 + 2);
            assert!(changed.is_none_or(|changed| changed == key || number * 4 + 2 > 2500), "{number}");
        }
    }
}

/// An address that a user gets meanwhile, at any statement, and that another one has but for its spelling.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_that_is_taken_meanwhile_is_kept_apart() {
    let mut taken = 0;
    for at in (0..40).step_by(3) {
        let (database, pool) = old(V053, "").await;
        let older = database.pool();
        let mut options = MigrateOptions::new();
        let number = AtomicUsize::new(0);
        options.kill = Some(Arc::new(move || {
            if number.fetch_add(1, Ordering::SeqCst) == at {
                // In vain if the upgrade has a lock.
                let _ = while_it_waits(&older, "UPDATE users SET email = 'ADA@example.com' WHERE id = 'usr_zoe'");
            }
            false
        }));
        migrate_with(&pool, &Noon, &options).await.unwrap();
        let found = text(&pool, "SELECT string_agg(email_key, ' ' ORDER BY id) FROM users").await;
        if found == "ada@example.com =ADA@example.com" {
            taken += 1;
        } else {
            assert_eq!(found, "ada@example.com zoe@example.com", "{at}");
        }
    }
    assert!(taken > 5, "{taken}");
}

/// Runs a statement in the middle of the upgrade's own work.
fn while_it_waits(pool: &PgPool, sql: &'static str) -> sqlx::Result<()> {
    tokio::task::block_in_place(|| {
        tokio::runtime::Handle::current().block_on(async {
            let mut transaction = pool.begin().await?;
            sqlx::raw_sql("SET LOCAL lock_timeout = '20ms'").execute(&mut *transaction).await?;
            sqlx::raw_sql(sql).execute(&mut *transaction).await?;
            transaction.commit().await
        })
    })
}

/// A transaction that will not end: the upgrade gives up after its deadline, and goes on where it was the next time.
#[tokio::test]
async fn a_reader_that_stays_is_waited_for_only_until_the_deadline() {
    let (_database, pool) = old(LATER, "").await;
    let served = count(&pool, "SELECT count(*) FROM sessions").await;
    let mut reader = pool.begin().await.unwrap();
    sqlx::query("SELECT id FROM sessions").fetch_all(&mut *reader).await.unwrap();
    let impatient = MigrateOptions::new().lock_timeout(Duration::from_millis(1500));
    let error = migrate_with(&pool, &Noon, &impatient).await.unwrap_err();
    let is_locked = match &error {
        MigrationError::Locked { .. } => true,
        MigrationError::Step { kind, .. } | MigrationError::Adoption { kind, .. } => *kind == StorageErrorKind::Locked,
        _ => false,
    };
    assert!(is_locked, "{error:?}");
    assert_eq!(count(&pool, "SELECT count(*) FROM sessions WHERE token <> ''").await, served);
    reader.commit().await.unwrap();
    assert!(migrate(&pool, &Noon).await.unwrap().adopted.is_some());
}
