//! What is there afterwards.

use super::*;

/// The tables are those of a new database, but for the columns that `users` had.
#[tokio::test]
async fn the_schema_is_that_of_a_new_database() {
    let (_database, new) = empty().await;
    migrate(&new, &Noon).await.unwrap();
    let expected = contents(&new).await;
    for (fixture, version) in ALL {
        let (_database, pool) = old(fixture, "").await;
        migrate(&pool, &Noon).await.unwrap();
        let found = contents(&pool).await;
        for line in expected.iter().filter(|line| !line.starts_with("column users ")) {
            assert!(found.contains(line), "{version}: {line}");
        }
        // Nothing is left of the work.
        for line in &found {
            assert!(
                !line.contains("_torii_new_") && !line.contains("_torii_id") && !line.contains("_torii_change"),
                "{line}"
            );
        }
        assert_eq!(count(&pool, "SELECT count(*) FROM pg_proc WHERE pronamespace = 'public'::regnamespace").await, 0);
        assert_eq!(count(&pool, "SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal").await, 0);
        let of_users: Vec<String> = sqlx::query_scalar(
            "SELECT attname || ' ' || attnotnull FROM pg_attribute WHERE attrelid = 'users'::regclass AND attnum > 0 ORDER BY 1",
        )
        .fetch_all(&pool)
        .await
        .unwrap();
        let columns = "created_at true, email true, email_key true, email_verified_at false, id true, locked_at false, \
            metadata true, name false, password_hash false, tenant_id true, updated_at true";
        assert_eq!(of_users.join(", "), columns);
        execute(
            &pool,
            "INSERT INTO tenants (id, created_at, updated_at) VALUES ('acme', now(), now());
            INSERT INTO users (tenant_id, id, email, email_key, created_at, updated_at)
                SELECT 'acme', 'other-' || id, email, email_key, now(), now() FROM users",
        )
        .await;
    }
}

#[tokio::test]
async fn every_row_is_counted_and_the_old_ones_stay_as_they_were() {
    for (fixture, version) in ALL {
        let (_database, pool) = old(fixture, "").await;
        let before = rows(&pool).await;
        assert_eq!(status(&pool).await.unwrap().adoptable, Some(version));
        let report = migrate(&pool, &Noon).await.unwrap();
        let adoption = report.adopted.unwrap();
        assert_eq!((adoption.from, report.version, report.applied.len()), (version, 2, 2));
        let after = rows(&pool).await;
        for table in &adoption.tables {
            let old = &before[&table.source];
            match &table.backup {
                Some(backup) => assert_eq!(old, &after[backup], "{version}: {}", table.source),
                None => assert_eq!(table.source, "users"),
            }
            assert_eq!(table.adopted as usize, old.len(), "{version}: {}", table.source);
            assert_eq!(table.set_aside, 0);
            assert_eq!(after[&table.table].len(), old.len(), "{version}: {}", table.source);
        }
        assert!(adoption.findings.is_empty(), "{:?}", adoption.findings);
        assert_eq!(before[version.bookkeeping()], after[version.bookkeeping()]);
        let known = status(&pool).await.unwrap();
        assert_eq!(known.adopted.unwrap().tables, adoption.tables);
        assert_eq!(known.adoptable, None);
        assert!(known.pending.is_empty());
    }
}

#[tokio::test]
async fn the_second_run_changes_nothing() {
    for (fixture, _) in ALL {
        let (_database, pool) = old(fixture, "").await;
        adopt(&pool).await;
        let before = everything(&pool).await;
        let report = migrate(&pool, &Noon).await.unwrap();
        assert!(report.applied.is_empty() && report.adopted.is_none());
        assert_eq!(everything(&pool).await, before);
    }
}

#[tokio::test]
async fn values_are_converted() {
    let (_database, pool) = old(V053, "UPDATE users SET password_hash = '' WHERE id = 'usr_zoe'").await;
    adopt(&pool).await;
    let digest = "SELECT encode(token_digest, 'hex') FROM sessions WHERE user_id = 'usr_ada'";
    let expected = "SELECT encode(sha256(token::bytea), 'hex') FROM _torii_backup_sessions WHERE user_id = 'usr_ada'";
    assert_eq!(text(&pool, digest).await, sqlx::query_scalar::<_, String>(expected).fetch_one(&pool).await.unwrap());
    assert_eq!(count(&pool, "SELECT count(*) FROM sessions WHERE expires_at = '9999-12-31 23:59:59+00'").await, 1);
    assert_eq!(count(&pool, "SELECT count(*) FROM users WHERE password_hash IS NULL").await, 1);
    assert_eq!(count(&pool, "SELECT count(*) FROM users WHERE created_at = '2026-11-23 12:00:00.123456+00'").await, 1);
    let passkey = "SELECT encode(credential_id, 'hex') || convert_from(public_key, 'UTF8') FROM passkeys";
    assert_eq!(text(&pool, passkey).await, "010203faff0007{\"kty\": \"OKP\"}");
}

/// SeaORM's columns without a zone hold UTC, whatever zone the session is in.
#[tokio::test]
async fn times_without_a_zone_are_utc() {
    let (database, pool) = old(LATER_SEAORM, "").await;
    let elsewhere = super::pool(database.options().options([("timezone", "America/New_York")]));
    adopt(&elsewhere).await;
    let times = "SELECT min(created_at AT TIME ZONE 'UTC')::text FROM oauth_accounts";
    assert_eq!(text(&pool, times).await, "2026-11-23 12:48:20.4725");
    assert_eq!(
        text(&pool, "SELECT (expires_at AT TIME ZONE 'UTC')::text FROM oauth_states").await,
        "2036-11-20 12:48:20.482688"
    );
}

#[tokio::test]
async fn an_interrupted_older_migration_is_taken_over() {
    const FIRST_STEP: &str = "CREATE TABLE torii_migrations (version VARCHAR NOT NULL PRIMARY KEY, applied_at BIGINT NOT NULL);
        INSERT INTO torii_migrations VALUES ('m20250304_000001_create_user_table', 1700000000);
        CREATE TABLE users (id VARCHAR NOT NULL PRIMARY KEY, email VARCHAR NOT NULL, name VARCHAR, password_hash VARCHAR,
            email_verified_at TIMESTAMPTZ, created_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
            updated_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP);
        INSERT INTO users (id, email) VALUES ('usr_1', 'Ada@example.com');";
    let (_database, pool) = old(FIRST_STEP, "").await;
    assert_eq!(adopt(&pool).await.tables.len(), 1);
    assert_eq!(text(&pool, "SELECT email_key FROM users WHERE tenant_id = 'default'").await, "ada@example.com");

    // Not even a table.
    let (_database, pool) =
        old("CREATE TABLE _torii_migrations (version INTEGER, name TEXT, applied_at TIMESTAMPTZ)", "").await;
    assert_eq!(migrate(&pool, &Noon).await.unwrap().applied.len(), 2);
    assert_eq!(status(&pool).await.unwrap().adopted, None);
    assert_eq!(count(&pool, "SELECT count(*) FROM users").await, 0);
}

#[tokio::test]
async fn a_schema_of_its_own_is_taken_over_there() {
    let (database, public) = empty().await;
    execute(&public, "CREATE SCHEMA auth; CREATE TABLE users (nick TEXT)").await;
    let pool = super::pool(database.options().options([("search_path", "auth,public")]));
    load(&pool, V053).await;
    let adoption = adopt(&pool).await;
    assert_eq!(adoption.tables.iter().map(|table| table.adopted).sum::<u64>(), 8);
    assert_eq!(count(&public, "SELECT count(*) FROM auth.users").await, 2);
    assert_eq!(count(&public, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").await, 1);
}

#[tokio::test]
async fn a_plan_says_what_would_be_done_and_does_nothing() {
    for (fixture, version) in ALL {
        let (_database, pool) = old(fixture, "").await;
        let before = everything(&pool).await;
        let plan = plan(&pool, &MigrateOptions::new().drop_backup(true)).await.unwrap();
        assert_eq!(everything(&pool).await, before);
        assert_eq!(plan.adopts, Some(version));
        let names: Vec<&str> = plan.steps.iter().map(|step| step.name.as_str()).collect();
        for name in
            ["add columns to users", "make the new tables", "copy users", "exchange the tables", "drop the backup"]
        {
            assert!(names.contains(&name), "{names:?}");
        }
    }
}

#[tokio::test]
async fn progress_is_told() {
    let (_database, pool) = old(LATER, "").await;
    let told = Arc::new(std::sync::Mutex::new(Vec::new()));
    let options = MigrateOptions::new().on_progress({
        let told = Arc::clone(&told);
        move |progress| told.lock().unwrap().push(progress.clone())
    });
    migrate_with(&pool, &Noon, &options).await.unwrap();
    let told = told.lock().unwrap();
    for work in ["examine", "copy"] {
        assert!(
            told.iter().any(|progress| progress.work == work && progress.table == "sessions" && progress.done == 7),
            "{work}"
        );
    }
}
