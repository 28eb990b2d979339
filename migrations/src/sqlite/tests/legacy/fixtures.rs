//! What is there afterwards.

use super::*;

/// The tables are those of a new database, to the letter.
#[tokio::test]
async fn the_schema_is_that_of_a_new_database() {
    let scratch = Scratch::new();
    let new = scratch.pool();
    migrate(&new, &Noon).await.unwrap();
    let expected = dump(&new).await;
    for (fixture, version) in ALL {
        let (_scratch, pool) = old(fixture, "").await;
        migrate(&pool, &Noon).await.unwrap();
        let found = dump(&pool).await;
        for (name, definition) in &expected {
            assert_eq!(found.get(name).and_then(|rows| rows.first()), definition.first(), "{version}: {name}");
        }
        assert_eq!(found["_torii_schema"], expected["_torii_schema"]);
        assert_eq!(found["tenants"], expected["tenants"]);
    }
}

#[tokio::test]
async fn every_row_is_counted_and_the_old_ones_stay_as_they_were() {
    for (fixture, version) in ALL {
        let (_scratch, pool) = old(fixture, "").await;
        let before = dump(&pool).await;
        assert_eq!(status(&pool).await.unwrap().adoptable, Some(version));
        let report = migrate(&pool, &Noon).await.unwrap();
        let adoption = report.adopted.unwrap();
        assert_eq!((adoption.from, report.version, report.applied.len()), (version, 2, 2));
        let after = dump(&pool).await;
        for table in &adoption.tables {
            let (old, backup) = (&before[&table.source], &after[table.backup.as_ref().unwrap()]);
            assert_eq!(old[1..], backup[1..], "{version}: {}", table.source);
            assert_eq!(table.adopted as usize, old.len() - 1, "{version}: {}", table.source);
            assert_eq!(table.set_aside, 0);
            assert_eq!(after[&table.table].len(), old.len(), "{version}: {}", table.source);
        }
        assert!(adoption.findings.is_empty(), "{:?}", adoption.findings);
        let bookkeeping = version.bookkeeping();
        assert_eq!(before[bookkeeping], after[bookkeeping]);
        let known = status(&pool).await.unwrap();
        assert_eq!(known.adopted.unwrap().tables, adoption.tables);
        assert_eq!(known.adoptable, None);
        assert!(known.pending.is_empty());
    }
}

#[tokio::test]
async fn the_second_run_changes_nothing() {
    for (fixture, _) in ALL {
        let (_scratch, pool) = old(fixture, "").await;
        adopt(&pool).await;
        let before = dump(&pool).await;
        let mut witness = pool.acquire().await.unwrap();
        let unchanged = data_version(&mut witness).await;
        let report = migrate(&pool, &Noon).await.unwrap();
        assert!(report.applied.is_empty() && report.adopted.is_none());
        assert_eq!(data_version(&mut witness).await, unchanged);
        assert_eq!(dump(&pool).await, before);
    }
}

#[tokio::test]
async fn times_are_kept_to_the_microsecond_whatever_they_looked_like() {
    let (_scratch, pool) = old(
        V053_SEAORM,
        "UPDATE users SET created_at = '2026-11-23T12:51:38.213341308+00:00', updated_at = '1795438300' WHERE name = 'OA 0';
         UPDATE users SET created_at = '2026-11-23 14:51:38+02:00', email_verified_at = '2026-11-23' WHERE name = 'OA 1'",
    )
    .await;
    adopt(&pool).await;
    let of =
        "SELECT created_at || ' ' || updated_at || ' ' || coalesce(email_verified_at, '-') FROM users WHERE name = ";
    let found = |name: &str| sqlx::query_scalar::<_, String>(safe(format!("{of}'{name}'")));
    assert_eq!(
        found("OA 0").fetch_one(&pool).await.unwrap(),
        "2026-11-23T12:51:38.213341+00:00 2026-11-23T12:51:40+00:00 -"
    );
    assert_eq!(
        found("OA 1").fetch_one(&pool).await.unwrap(),
        "2026-11-23T12:51:38+00:00 2026-11-23T12:51:46+00:00 2026-11-23T00:00:00+00:00"
    );
}

#[tokio::test]
async fn times_that_are_missing_or_never_come_are_borne() {
    let (_scratch, pool) = old(
        V053,
        "UPDATE users SET created_at = NULL WHERE name = 'Ada Lovelace';
         UPDATE users SET created_at = NULL, updated_at = NULL WHERE name = 'Grace Hopper';
         UPDATE sessions SET expires_at = 9223372036854775807 WHERE id = 1",
    )
    .await;
    let adoption = adopt(&pool).await;
    assert_eq!(adoption.set_aside(), 0);
    assert_eq!(
        count(&pool, "SELECT count(*) FROM users WHERE created_at = updated_at AND created_at LIKE '2026-%'").await,
        5
    );
    assert_eq!(count(&pool, "SELECT count(*) FROM users WHERE created_at = '1970-01-01T00:00:00+00:00'").await, 1);
    assert_eq!(count(&pool, "SELECT count(*) FROM sessions WHERE expires_at = '9999-12-31T23:59:59+00:00'").await, 1);
}

#[tokio::test]
async fn an_interrupted_older_migration_is_taken_over() {
    const FIRST_STEP: &str = "CREATE TABLE torii_migrations (version varchar NOT NULL PRIMARY KEY, applied_at bigint NOT NULL);
        INSERT INTO torii_migrations VALUES ('m20250304_000001_create_user_table', 1700000000);
        CREATE TABLE users (id varchar NOT NULL PRIMARY KEY, email varchar NOT NULL, name varchar, password_hash varchar,
            email_verified_at timestamp_with_timezone_text,
            created_at timestamp_with_timezone_text NOT NULL DEFAULT CURRENT_TIMESTAMP,
            updated_at timestamp_with_timezone_text NOT NULL DEFAULT CURRENT_TIMESTAMP);
        INSERT INTO users (id, email) VALUES ('usr_1', 'ada@example.com');";
    let (_scratch, pool) = old(FIRST_STEP, "").await;
    assert_eq!(adopt(&pool).await.tables.len(), 1);
    assert_eq!(text(&pool, "SELECT email_key FROM users WHERE tenant_id = 'default'").await, "ada@example.com");

    // Not even a table.
    let (_scratch, pool) =
        old("CREATE TABLE _torii_migrations (version INTEGER, name TEXT, applied_at INTEGER)", "").await;
    assert_eq!(migrate(&pool, &Noon).await.unwrap().applied.len(), 2);
    assert_eq!(status(&pool).await.unwrap().adopted, None);
    assert_eq!(count(&pool, "SELECT count(*) FROM users").await, 0);
}

/// Free text that 0.5 let applications store, empty hashes, and what is not UTF-8 only looks like trouble.
#[tokio::test]
async fn odd_values_survive() {
    let (_scratch, pool) = old(
        V053,
        "INSERT INTO passkeys VALUES (1, 'not base 64!', 'usr_PGgSut82MQ8WxbDg', '{\"x\": 1}', 1, 1),
             (2, 'AQID-v8ABw', 'usr_PGgSut82MQ8WxbDg', 'AQID+v8ABw==', 1, 1);
         UPDATE users SET password_hash = '' WHERE id = 'usr_PGgSut82MQ8WxbDg';
         UPDATE users SET name = 'a' || char(0) || 'b' || char(10) WHERE id = 'usr_3GYnkjVPgDQuid4Wm'",
    )
    .await;
    assert_eq!(adopt(&pool).await.set_aside(), 0);
    assert_eq!(count(&pool, "SELECT count(*) FROM passkeys WHERE credential_id = CAST('not base 64!' AS BLOB) AND public_key = CAST('{\"x\": 1}' AS BLOB)").await, 1);
    assert_eq!(
        count(
            &pool,
            "SELECT count(*) FROM passkeys WHERE credential_id = x'010203FAFF0007' AND public_key = credential_id"
        )
        .await,
        1
    );
    assert_eq!(count(&pool, "SELECT count(*) FROM users WHERE password_hash IS NULL").await, 1);
    assert_eq!(count(&pool, "SELECT count(*) FROM users WHERE name = 'a' || char(0) || 'b' || char(10)").await, 1);
}

/// More rows than are read and written at a time.
#[tokio::test]
async fn many_rows_are_taken_over() {
    let (_scratch, pool) = old(
        V053,
        "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 2994)
         INSERT INTO users (id, email) SELECT 'usr_' || n, 'User' || n || '@example.com' FROM n;
         INSERT INTO sessions (user_id, token, expires_at) SELECT id, 'token of ' || id, 2082758400 FROM users",
    )
    .await;
    let adoption = adopt(&pool).await;
    let adopted: Vec<u64> = adoption.tables.iter().take(2).map(|table| table.adopted).collect();
    assert_eq!(adopted, [3000, 3006]);
    assert_eq!(count(&pool, "SELECT count(*) FROM users WHERE email_key = lower(email)").await, 3000);
    assert_eq!(count(&pool, "SELECT count(*) FROM sessions JOIN users ON users.id = user_id").await, 3006);
}

#[tokio::test]
async fn a_database_in_memory_is_taken_over_through_its_pool() {
    let pool = SqlitePoolOptions::new().max_connections(1).connect("sqlite::memory:").await.unwrap();
    execute(&pool, "PRAGMA foreign_keys = OFF").await;
    execute(&pool, LATER_SEAORM).await;
    execute(&pool, "PRAGMA foreign_keys = ON").await;
    assert_eq!(adopt(&pool).await.from, OlderVersion::SeaOrm06Preview);
    assert_eq!(count(&pool, "PRAGMA foreign_keys").await, 1);
    assert_eq!(count(&pool, "PRAGMA legacy_alter_table").await, 0);
    execute(&pool, "DELETE FROM users").await;
    assert_eq!(count(&pool, "SELECT count(*) FROM sessions").await, 0);
}

#[tokio::test]
async fn a_plan_says_what_would_be_done_and_does_nothing() {
    for (fixture, version) in ALL {
        let (_scratch, pool) = old(fixture, "").await;
        let before = dump(&pool).await;
        let plan = plan(&pool, &MigrateOptions::new().drop_backup(true)).await.unwrap();
        assert_eq!(dump(&pool).await, before);
        assert_eq!(plan.adopts, Some(version));
        let names: Vec<&str> = plan.steps.iter().map(|step| step.name.as_str()).collect();
        for name in
            ["begin", "move users out of the way", "make today's tables", "copy users", "end", "drop the backup"]
        {
            assert!(names.contains(&name), "{names:?}");
        }
        assert!(plan.steps.iter().any(|step| step.sql.contains("CREATE TABLE tenants")));
    }
    let scratch = Scratch::new();
    let new = scratch.pool();
    let before = plan(&new, &MigrateOptions::new()).await.unwrap();
    assert_eq!(before.steps.iter().map(|step| step.name.as_str()).collect::<Vec<_>>(), ["initial", "default_tenant"]);
    migrate(&new, &Noon).await.unwrap();
    assert!(plan(&new, &MigrateOptions::new()).await.unwrap().steps.is_empty());
}

#[tokio::test]
async fn progress_is_told() {
    let (_scratch, pool) = old(LATER, "").await;
    let told = Arc::new(std::sync::Mutex::new(Vec::new()));
    let options = MigrateOptions::new().on_progress({
        let told = Arc::clone(&told);
        move |progress| told.lock().unwrap().push(progress.clone())
    });
    migrate_with(&pool, &Noon, &options).await.unwrap();
    let told = told.lock().unwrap();
    for work in ["examine", "copy", "verify"] {
        assert!(
            told.iter().any(|progress| progress.work == work && progress.table == "users" && progress.done == 6),
            "{work}"
        );
    }
    assert!(told.iter().all(|progress| progress.done <= progress.total));
}
