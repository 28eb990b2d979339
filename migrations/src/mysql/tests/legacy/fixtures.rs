//! What is there afterwards.

use super::*;

/// The tables are those of a new database, to the letter.
#[tokio::test]
async fn the_schema_is_that_of_a_new_database() {
    let (_database, new) = empty().await;
    migrate(&new, &Noon).await.unwrap();
    let expected = dump(&new).await;
    for (fixture, version) in ALL {
        let (_database, pool) = old(fixture, "").await;
        migrate(&pool, &Noon).await.unwrap();
        let found = dump(&pool).await;
        for (name, definition) in &expected {
            // The order in which keys were added shows.
            let lines = |made: &String| {
                let mut lines: Vec<_> = made.lines().map(|line| line.trim_end_matches(',').to_owned()).collect();
                lines.sort_unstable();
                lines
            };
            assert_eq!(lines(&found[name][0]), lines(&definition[0]), "{version}: {name}");
        }
        assert_eq!(found["_torii_schema"], expected["_torii_schema"]);
        assert_eq!(found["tenants"], expected["tenants"]);
        // Nothing else is left.
        let ours = |name: &&String| name.starts_with("_torii_") && !name.starts_with("_torii_backup_");
        assert_eq!(found.keys().filter(ours).collect::<Vec<_>>(), ["_torii_adoption", "_torii_schema"]);
    }
}

/// Column by column, in the same order.
#[tokio::test]
async fn the_columns_of_users_are_where_they_are_in_a_new_database() {
    let (_database, new) = migrated().await;
    let (_database, pool) = old(V053, "").await;
    adopt(&pool).await;
    const COLUMNS: &str = "SELECT CAST(GROUP_CONCAT(column_name ORDER BY ordinal_position) AS CHAR) \
        FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'users'";
    assert_eq!(text(&pool, COLUMNS).await, text(&new, COLUMNS).await);
}

#[tokio::test]
async fn every_row_is_counted_and_the_old_ones_stay_as_they_were() {
    for (fixture, version) in ALL {
        let (_database, pool) = old(fixture, "").await;
        let before = dump(&pool).await;
        let known = status(&pool).await.unwrap();
        assert_eq!((known.adoptable, known.pending.len()), (Some(version), 2));
        let report = migrate(&pool, &Noon).await.unwrap();
        let adoption = report.adopted.unwrap();
        assert_eq!((adoption.from, report.version, report.applied.len()), (version, 2, 2));
        let after = dump(&pool).await;
        for table in &adoption.tables {
            let old = &before[&table.source];
            assert_eq!(table.backup.is_none(), table.source == "users");
            if let Some(backup) = &table.backup {
                assert_eq!(old[1..], after[backup][1..], "{version}: {}", table.source);
            }
            assert_eq!(table.adopted as usize, old.len() - 1, "{version}: {}", table.source);
            assert_eq!(table.set_aside, 0);
            assert_eq!(after[&table.table].len(), old.len(), "{version}: {}", table.source);
        }
        assert!(adoption.findings.is_empty(), "{:?}", adoption.findings);
        assert_eq!(before["torii_migrations"], after["torii_migrations"]);
        let known = status(&pool).await.unwrap();
        assert_eq!(known.adopted.unwrap().tables, adoption.tables);
        assert_eq!(known.adoptable, None);
        assert!(known.pending.is_empty());
    }
}

#[tokio::test]
async fn values_are_what_they_were() {
    let (_database, pool) = old(LATER, "").await;
    adopt(&pool).await;
    const USER: &str = "SELECT CAST(CONCAT_WS(' ', id, email, email_key, name, email_verified_at, locked_at, created_at, \
        updated_at, LEFT(password_hash, 9)) AS CHAR) FROM users WHERE tenant_id = 'default' AND metadata = '{}' AND email LIKE ";
    let user = |like: &str| sqlx::query_scalar::<_, String>(safe(format!("{USER}'{like}'")));
    assert_eq!(
        user("unicode%").fetch_one(&pool).await.unwrap(),
        "usr_27qMFe28nyBABZtKj unicodee@example.com unicodee@example.com Zoë Ðöe 東京 2026-11-23 12:48:28.000000 \
         2026-11-23 12:48:28.000000 2026-11-23 12:48:29.000000 $argon2id"
    );
    assert_eq!(
        user("MiXed%").fetch_one(&pool).await.unwrap(),
        "usr_BLoZGGQb9S6BxGCv MiXed.Case+tage@example.com mixed.case+tage@example.com Mixed Case \
         2026-11-23 12:48:36.000000 2026-11-23 12:48:30.000000 2026-11-23 12:48:36.000000 $argon2id"
    );
    // The digest in the database is that of the token in the cookie.
    const SESSION: &str = "SELECT CAST(CONCAT_WS(' ', user_id, user_agent, ip_address, expires_at, created_at) AS CHAR) FROM sessions \
        WHERE tenant_id = 'default' AND token_digest = UNHEX(SHA2('uQpqogUz0ovOzX6lb5YO2L5IUbb9DFxi2z2hEQl12lg', 256))";
    let session = "usr_32PHJ9KNyNFzzH4WS Agent/0 10.0.0.0 2036-01-01 00:00:00.000000 2026-11-23 12:48:25.000000";
    assert_eq!(text(&pool, SESSION).await, session);
    let (_database, pool) = old(V053, "").await;
    adopt(&pool).await;
    const CLEAR: &str = "SELECT user_id FROM sessions \
        WHERE token_digest = UNHEX(SHA2('27g66Nd8kEdW1TDI5txty7KTnUM9vvtTzktXlLba_OY', 256))";
    assert_eq!(text(&pool, CLEAR).await, ADA);
    assert_eq!(count(&pool, "SELECT COUNT(*) FROM secure_tokens WHERE token_digest = UNHEX(SHA2('6eb707a1-a660-44c3-8e04-6790c21d7ce2', 256)) AND used_at IS NULL").await, 1);
    assert_eq!(count(&pool, "SELECT COUNT(*) FROM secure_tokens WHERE used_at IS NOT NULL").await, 1);
}

#[tokio::test]
async fn the_second_run_changes_nothing() {
    for (fixture, _) in ALL {
        let (_database, pool) = old(fixture, "").await;
        adopt(&pool).await;
        let before = dump(&pool).await;
        let report = migrate(&pool, &Noon).await.unwrap();
        assert!(report.applied.is_empty() && report.adopted.is_none());
        assert_eq!(dump(&pool).await, before);
    }
}

#[tokio::test]
async fn an_interrupted_older_migration_is_taken_over() {
    const FIRST_STEP: &str = "CREATE TABLE torii_migrations (version VARCHAR(255) NOT NULL PRIMARY KEY, applied_at BIGINT NOT NULL);
        INSERT INTO torii_migrations VALUES ('m20250304_000001_create_user_table', 1700000000);
        CREATE TABLE users (id VARCHAR(255) NOT NULL PRIMARY KEY, email VARCHAR(255) NOT NULL, name VARCHAR(255),
            password_hash VARCHAR(255), email_verified_at TIMESTAMP NULL,
            created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, updated_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP);
        INSERT INTO users (id, email) VALUES ('usr_1', 'ada@example.com');";
    let (_database, pool) = old(FIRST_STEP, "").await;
    assert_eq!(adopt(&pool).await.tables.len(), 1);
    assert_eq!(text(&pool, "SELECT email_key FROM users WHERE tenant_id = 'default'").await, "ada@example.com");

    // Not even a table.
    let (_database, pool) =
        old("CREATE TABLE torii_migrations (version VARCHAR(255) NOT NULL PRIMARY KEY, applied_at BIGINT)", "").await;
    assert_eq!(migrate(&pool, &Noon).await.unwrap().applied.len(), 2);
    assert_eq!(status(&pool).await.unwrap().adopted, None);
    assert_eq!(count(&pool, "SELECT COUNT(*) FROM users").await, 0);
}

/// A new version was started once before the older one came to use the database, and was killed before it did anything.
#[tokio::test]
async fn an_empty_history_is_no_obstacle() {
    let (_database, pool) = old(V053, "").await;
    let mut connection = crate::mysql::session::open(&pool).await.unwrap();
    crate::mysql::bookkeeping::create(&mut connection, &STEPS[0]).await.unwrap();
    connection.close().await.unwrap();
    assert_eq!(adopt(&pool).await.from, OlderVersion::SeaOrm05);
    assert!(status(&pool).await.unwrap().is_up_to_date());
}

/// More rows than are read and written at a time.
#[tokio::test]
async fn many_rows_are_taken_over() {
    let (_database, pool) = old(
        V053,
        "SET SESSION max_recursive_iterations = 100000;
         INSERT INTO users (id, email) WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 2991)
             SELECT CONCAT('usr_', n), CONCAT('User', n, '@example.com') FROM n;
         INSERT INTO sessions (user_id, token, expires_at) SELECT id, CONCAT('token of ', id), '2036-01-01' FROM users;
         INSERT INTO oauth_accounts (user_id, provider, subject) SELECT id, IF(id < 'usr_2', 'a', 'b'), id FROM users",
    )
    .await;
    let adoption = adopt(&pool).await;
    let adopted: Vec<u64> = adoption.tables.iter().take(3).map(|table| table.adopted).collect();
    assert_eq!(adopted, [3000, 3007, 3006]);
    assert_eq!(count(&pool, "SELECT COUNT(*) FROM users WHERE email_key = LOWER(email)").await, 3000);
    assert_eq!(count(&pool, "SELECT COUNT(*) FROM sessions JOIN users ON users.id = user_id").await, 3007);
}

#[tokio::test]
async fn a_plan_says_what_would_be_done_and_does_nothing() {
    for (fixture, version) in ALL {
        let (_database, pool) = old(fixture, "").await;
        let before = dump(&pool).await;
        let plan = plan(&pool, &MigrateOptions::new().drop_backup(true)).await.unwrap();
        assert_eq!(dump(&pool).await, before);
        assert_eq!(plan.adopts, Some(version));
        let names: Vec<&str> = plan.steps.iter().map(|step| step.name.as_str()).collect();
        for name in [
            "examine",
            "take the tables away from the older version",
            "make the new tables",
            "copy sessions",
            "copy users",
            "make users what it is today",
            "add the keys to users",
            "put today's tables in their place",
            "drop the backup",
        ] {
            assert!(names.contains(&name), "{names:?}");
        }
        assert!(plan.steps.iter().any(|step| step.sql.contains("CREATE TABLE IF NOT EXISTS _torii_new_tenants")));
    }
    let (_database, new) = empty().await;
    let before = plan(&new, &MigrateOptions::new()).await.unwrap();
    assert_eq!(before.steps.iter().map(|step| step.name.as_str()).collect::<Vec<_>>(), ["initial", "default_tenant"]);
    migrate(&new, &Noon).await.unwrap();
    assert!(plan(&new, &MigrateOptions::new()).await.unwrap().steps.is_empty());
}

/// A plan is of use in the middle too.
#[tokio::test]
async fn a_plan_goes_on_where_an_interrupted_upgrade_was() {
    let (_database, pool) = old(LATER, "").await;
    for number in [2, 12, 40] {
        migrate_with(&pool, &Noon, &ending_at(number)).await.unwrap_err();
        let plan = plan(&pool, &MigrateOptions::new()).await.unwrap();
        assert_eq!(plan.adopts, Some(OlderVersion::SeaOrm06Preview));
        assert!(plan.findings.is_empty() && plan.steps.len() > 5);
    }
    adopt(&pool).await;
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
    for work in ["examine", "copy", "verify"] {
        for (table, rows) in [("users", 9), ("sessions", 7)] {
            let is_it = |told: &&crate::Progress| told.work == work && told.table == table && told.done == rows;
            assert!(told.iter().any(|progress| is_it(&progress)), "{work} {table}");
        }
    }
    assert!(told.iter().all(|progress| progress.done <= progress.total));
}
