//! Databases to which somebody did something. Every one of these has to be noticed, and nothing else.

use torii_storage_seaorm::{SeaORMStorage, partitioning::Partitions};
use torii_testkit::servers::{MysqlServer, PostgresServer};

use super::support::*;

/// A user in each of two tenants.
const USERS: &str = "INSERT INTO tenants (id, created_at, updated_at) VALUES ('acme', '2026-01-01', '2026-01-01'); \
    INSERT INTO users (id, tenant_id, email, email_key, created_at, updated_at) VALUES \
        ('usr_d', 'default', 'a@b.example', 'a@b.example', '2026-01-01', '2026-01-01'), \
        ('usr_a', 'acme', 'a@b.example', 'a@b.example', '2026-01-01', '2026-01-01'); ";

#[tokio::test]
async fn on_sqlite_the_schema_is_compared_whole() {
    for (sql, expected) in [
        ("DROP INDEX sessions_tenant_user", &["missing_index"][..]),
        (
            "DROP INDEX sessions_expires; CREATE INDEX sessions_expires ON sessions (expires_at) WHERE user_agent IS NULL",
            &["missing_index"],
        ),
        ("CREATE UNIQUE INDEX one ON users (email)", &["unique_across_tenants"]),
        ("ALTER TABLE users ADD COLUMN plan TEXT NOT NULL DEFAULT 'free'", &[]),
        (
            "ALTER TABLE lockouts RENAME COLUMN failures TO misses",
            &["missing_column", "missing_check", "required_column"],
        ),
        ("DROP TABLE lockouts", &["missing_table"]),
        ("ALTER TABLE users DROP COLUMN password_hash", &["missing_column"]),
        (
            "DROP TABLE lockouts; CREATE TABLE lockouts (tenant_id TEXT NOT NULL DEFAULT 'other' REFERENCES tenants (id), \
                email_key INTEGER NOT NULL, failures INTEGER NOT NULL, window_started_at TEXT NOT NULL, \
                locked_until TEXT, PRIMARY KEY (email_key, tenant_id))",
            &[
                "altered_table",
                "altered_type",
                "altered_default",
                "missing_check",
                "missing_foreign_key",
                "missing_primary_key",
            ],
        ),
        (
            "DROP TABLE oauth_states; CREATE TABLE oauth_states (tenant_id TEXT NOT NULL DEFAULT 'default' REFERENCES tenants (id) \
                ON DELETE CASCADE, state_digest BLOB NOT NULL CHECK (length(state_digest) = 32), pkce_verifier TEXT, \
                created_at TEXT NOT NULL, expires_at TEXT NOT NULL, PRIMARY KEY (tenant_id, state_digest)) STRICT, WITHOUT ROWID; \
                CREATE INDEX other_name ON oauth_states (expires_at)",
            &["altered_nullability"],
        ),
        ("UPDATE _torii_schema SET checksum = zeroblob(32) WHERE version = 1", &["history"]),
        ("DELETE FROM tenants", &["no_default_tenant"]),
        (
            "CREATE TABLE todos (id INTEGER PRIMARY KEY, user_id TEXT REFERENCES users (id)); INSERT INTO todos VALUES (1, 'gone')",
            &["broken_foreign_key"],
        ),
        (
            "CREATE TABLE todos (user_id TEXT REFERENCES users (email)); INSERT INTO todos VALUES ('a')",
            &["foreign_key_mismatch"],
        ),
    ] {
        let file = File::migrated();
        file.execute(sql).await;
        assert_eq!(verify(&file.url(), &[]).0, codes(expected), "{sql}");
    }
}

/// The statements that it proposes mend it.
#[tokio::test]
async fn on_sqlite_the_remedy_of_an_index_mends_it() {
    let file = File::migrated();
    file.execute("DROP INDEX secure_tokens_expires").await;
    let found = finding(&file.url(), "missing_index", "secure_tokens");
    assert_eq!(found["sql"], "CREATE INDEX secure_tokens_expires ON secure_tokens (expires_at);");
    file.execute("CREATE INDEX secure_tokens_expires ON secure_tokens (expires_at);").await;
    assert!(verify(&file.url(), &[]).0.is_empty());
}

/// Another index has the name: it has to go first.
#[tokio::test]
async fn the_remedy_of_an_index_whose_name_is_taken_mends_it() {
    let file = File::migrated();
    file.execute("DROP INDEX sessions_expires; CREATE INDEX sessions_expires ON sessions (updated_at)").await;
    let sql = finding(&file.url(), "missing_index", "sessions")["sql"].as_str().unwrap().to_owned();
    sqlx::raw_sql(safe(&sql)).execute(&mut file.connection().await).await.unwrap();
    assert!(verify(&file.url(), &[]).0.is_empty());

    let database = PostgresServer::shared().database().await;
    on_postgres(
        &database.options(),
        "DROP INDEX sessions_expires; CREATE INDEX sessions_expires ON sessions (updated_at); \
         ALTER TABLE users DROP CONSTRAINT users_tenant_email; \
         ALTER TABLE users ADD CONSTRAINT users_tenant_email UNIQUE (tenant_id, email)",
    )
    .await;
    for (code, table) in [("missing_index", "sessions"), ("missing_unique_key", "users")] {
        let sql = finding(&database.url(), code, table)["sql"].as_str().unwrap().to_owned();
        // One by one: an index that is built beside running writes cannot be in a transaction.
        for statement in sql.lines() {
            on_postgres(&database.options(), statement).await;
        }
    }
    assert_eq!(verify(&database.url(), &[]).0, codes(&[]));

    let database = MysqlServer::shared().database().await;
    on_mysql(
        &database.options(),
        "DROP INDEX sessions_expires ON sessions; CREATE INDEX sessions_expires ON sessions (updated_at); \
         ALTER TABLE passkeys DROP CONSTRAINT passkeys_user_fkey; \
         ALTER TABLE passkeys ADD CONSTRAINT passkeys_user_fkey FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id)",
    )
    .await;
    for (code, table) in [("missing_index", "sessions"), ("missing_foreign_key", "passkeys")] {
        let sql = finding(&database.url(), code, table)["sql"].as_str().unwrap().to_owned();
        on_mysql(&database.options(), &sql).await;
    }
    assert_eq!(verify(&database.url(), &[]).0, codes(&[]));
}

/// The triggers of the application that somebody switched off stay off, and names are quoted.
#[tokio::test]
async fn on_postgres_the_remedy_of_a_foreign_key_touches_nothing_else() {
    let database = PostgresServer::shared().database().await;
    let (url, options) = (database.url(), database.options());
    on_postgres(
        &options,
        "CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; \
         CREATE TRIGGER mine BEFORE INSERT ON sessions FOR EACH ROW EXECUTE FUNCTION nothing(); \
         ALTER TABLE sessions DROP CONSTRAINT sessions_tenant_id_user_id_fkey; ALTER TABLE sessions ADD CONSTRAINT \"My 'Key\" \
            FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE NOT VALID; \
         ALTER TABLE sessions DISABLE TRIGGER ALL; ALTER TABLE users DISABLE TRIGGER ALL",
    )
    .await;
    let (_, object) = json(&url, &["verify"]);
    for found in object["result"]["findings"].as_array().unwrap() {
        assert_eq!(found["code"], "unenforced_foreign_key");
        on_postgres(&options, found["sql"].as_str().unwrap()).await;
    }
    // What was off is on, and what is not valid is next.
    on_postgres(&options, finding(&url, "unenforced_foreign_key", "sessions")["sql"].as_str().unwrap()).await;
    assert_eq!(verify(&url, &[]).0, codes(&[]));
    let off: String = sqlx::query_scalar("SELECT string_agg(tgname::text, ' ') FROM pg_trigger WHERE tgenabled = 'D'")
        .fetch_one(&database.pool())
        .await
        .unwrap();
    assert_eq!(off, "mine");
}

/// Policies of the application have whatever name.
#[tokio::test]
async fn on_postgres_the_remedy_of_a_policy_quotes_its_name() {
    let database = PostgresServer::shared().database().await;
    let (url, options) = (database.url(), database.options());
    torii_migration::postgres::enable_row_level_security(&database.pool()).await.unwrap();
    on_postgres(&options, "CREATE POLICY \"all \"\"of\"\" them\" ON users USING (true)").await;
    on_postgres(&options, finding(&url, "foreign_policy", "users")["sql"].as_str().unwrap()).await;
    assert_eq!(verify(&url, &[]).0, codes(&[]));
}

#[tokio::test]
async fn on_sqlite_rows_without_a_user_and_rows_that_cross_are_counted() {
    let file = File::migrated();
    file.execute(USERS).await;
    file.execute(
        "INSERT INTO sessions (tenant_id, token_digest, user_id, created_at, updated_at, expires_at) VALUES \
            ('acme', zeroblob(32), 'usr_a', 'x', 'x', 'x'), \
            ('acme', randomblob(32), 'usr_d', 'x', 'x', 'x'), \
            ('default', randomblob(32), 'usr_a', 'x', 'x', 'x'), \
            ('default', randomblob(32), 'usr_gone', 'x', 'x', 'x'); \
         INSERT INTO lockouts (tenant_id, email_key, failures, window_started_at) VALUES ('gone', 'a', 1, 'x'); \
         INSERT INTO users (id, tenant_id, email, email_key, created_at, updated_at) VALUES ('usr_l', 'lost', 'a', 'a', 'x', 'x')",
    )
    .await;
    let (problems, _) = verify(&file.url(), &[]);
    assert_eq!(problems, codes(&["row_crosses_tenants", "row_without_tenant", "row_without_user"]));
    let crossing = finding(&file.url(), "row_crosses_tenants", "sessions");
    assert_eq!(crossing["rows"], 2);
    assert!(crossing["examples"].to_string().contains("tenant acme, user usr_d of tenant default"), "{crossing:#}");
    assert_eq!(finding(&file.url(), "row_without_user", "sessions")["rows"], 1);
    assert_eq!(finding(&file.url(), "row_without_tenant", "lockouts")["examples"][0], "tenant gone");
    assert_eq!(finding(&file.url(), "row_without_tenant", "users")["rows"], 1);
    // Nothing secret is in it.
    let out = torii(&file.url(), &["verify"]).out;
    assert!(!out.contains("00000000"), "{out}");

    // The statements that it proposes, one for each of these.
    file.execute(
        "DELETE FROM sessions WHERE EXISTS (SELECT 1 FROM users WHERE users.id = sessions.user_id AND users.tenant_id <> sessions.tenant_id); \
         DELETE FROM sessions WHERE NOT EXISTS (SELECT 1 FROM users WHERE users.id = sessions.user_id); \
         DELETE FROM lockouts WHERE NOT EXISTS (SELECT 1 FROM tenants WHERE tenants.id = lockouts.tenant_id); \
         INSERT INTO tenants (id, created_at, updated_at) \
             SELECT tenant_id, MIN(created_at), MIN(created_at) FROM users WHERE tenant_id = 'lost' GROUP BY tenant_id",
    )
    .await;
    assert_eq!(
        crossing["sql"],
        "DELETE FROM sessions WHERE EXISTS (SELECT 1 FROM users WHERE users.id = sessions.user_id AND users.tenant_id <> sessions.tenant_id);"
    );
    assert!(verify(&file.url(), &[]).0.is_empty());
    assert_eq!(file.count("SELECT count(*) FROM sessions").await, 1);
}

#[tokio::test]
async fn on_postgres_the_schema_is_compared_whole() {
    let server = PostgresServer::shared();
    for (sql, expected) in [
        ("SELECT 1", &[][..]),
        ("DROP INDEX sessions_tenant_user", &["missing_index"]),
        ("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'sessions_expires'::regclass", &["unusable_index"]),
        ("ALTER TABLE users ALTER COLUMN email DROP NOT NULL", &["altered_nullability"]),
        ("ALTER TABLE users ALTER COLUMN email TYPE VARCHAR(40) COLLATE \"C\"", &["altered_type"]),
        ("ALTER TABLE users ALTER COLUMN email_key TYPE TEXT COLLATE \"POSIX\"", &["altered_collation"]),
        ("ALTER TABLE users ALTER COLUMN metadata DROP DEFAULT", &["altered_default"]),
        ("ALTER TABLE passkeys DROP CONSTRAINT passkeys_sign_count_check", &["missing_check"]),
        ("ALTER TABLE users DROP CONSTRAINT users_tenant_email", &["missing_unique_key"]),
        ("ALTER TABLE users ADD UNIQUE (email)", &["unique_across_tenants"]),
        ("ALTER TABLE sessions SET UNLOGGED", &["altered_table"]),
        ("ALTER TABLE sessions DISABLE TRIGGER ALL", &["unenforced_foreign_key"]),
        (
            "ALTER TABLE sessions DROP CONSTRAINT sessions_tenant_id_user_id_fkey; ALTER TABLE sessions ADD CONSTRAINT mine \
                FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE NOT VALID",
            &["unenforced_foreign_key"],
        ),
        (
            "ALTER TABLE sessions DROP CONSTRAINT sessions_tenant_id_user_id_fkey; ALTER TABLE sessions ADD CONSTRAINT mine \
                FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id)",
            &["missing_foreign_key"],
        ),
        ("DROP TABLE lockouts", &["missing_table"]),
        ("UPDATE _torii_schema SET checksum = sha256('') WHERE version = 2", &["history"]),
    ] {
        let database = server.database().await;
        on_postgres(&database.options(), sql).await;
        assert_eq!(verify(&database.url(), &[]).0, codes(expected), "{sql}");
    }
}

#[tokio::test]
async fn on_postgres_a_dropped_foreign_key_and_what_got_through_it_are_found_and_mended() {
    let database = PostgresServer::shared().database().await;
    let (url, options) = (database.url(), database.options());
    on_postgres(&options, USERS).await;
    on_postgres(
        &options,
        "ALTER TABLE sessions DROP CONSTRAINT sessions_tenant_id_user_id_fkey; \
         INSERT INTO sessions (tenant_id, token_digest, user_id, created_at, updated_at, expires_at) VALUES \
            ('acme', sha256('1'), 'usr_a', now(), now(), now()), ('acme', sha256('2'), 'usr_d', now(), now(), now()), \
            ('acme', sha256('3'), 'usr_gone', now(), now(), now())",
    )
    .await;
    let expected = ["missing_foreign_key", "row_crosses_tenants", "row_without_user"];
    assert_eq!(verify(&url, &[]).0, codes(&expected));
    for code in ["row_crosses_tenants", "row_without_user", "missing_foreign_key"] {
        on_postgres(&options, finding(&url, code, "sessions")["sql"].as_str().unwrap()).await;
    }
    assert_eq!(verify(&url, &[]).0, codes(&[]));
    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM sessions").fetch_one(&database.pool()).await.unwrap();
    assert_eq!(left, 1);
}

#[tokio::test]
async fn on_postgres_a_role_for_which_foreign_keys_are_off_is_noticed() {
    let database = PostgresServer::shared().database().await;
    let url = with_setting(&database.url(), "session_replication_role", "replica");
    assert_eq!(verify(&url, &[]).0, codes(&["foreign_keys_off"]));
}

#[tokio::test]
async fn on_mysql_the_schema_is_compared_whole() {
    let server = MysqlServer::shared();
    for (sql, expected) in [
        ("SELECT 1", &[][..]),
        ("DROP INDEX sessions_expires ON sessions", &["missing_index"]),
        (
            "ALTER TABLE users MODIFY email VARCHAR(40) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL",
            &["altered_type"],
        ),
        (
            "ALTER TABLE users MODIFY email VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci NOT NULL",
            &["altered_collation"],
        ),
        ("ALTER TABLE users MODIFY name TEXT CHARACTER SET latin1", &["altered_collation"]),
        (
            "ALTER TABLE users MODIFY email VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin",
            &["altered_nullability"],
        ),
        ("ALTER TABLE tenants ALTER COLUMN status DROP DEFAULT", &["altered_default"]),
        ("ALTER TABLE tenants ALTER COLUMN status SET DEFAULT ''", &["altered_default"]),
        ("ALTER TABLE users ADD COLUMN nick VARCHAR(40) NOT NULL DEFAULT ''", &[]),
        ("ALTER TABLE users ADD COLUMN nick VARCHAR(40) AS (LEFT(email, 3)) STORED", &[]),
        ("ALTER TABLE users ADD COLUMN nick VARCHAR(40) NOT NULL", &["required_column"]),
        ("ALTER TABLE users DROP INDEX users_tenant_email", &["missing_unique_key"]),
        ("ALTER TABLE users ADD UNIQUE one (email)", &["unique_across_tenants"]),
        ("ALTER TABLE passkeys DROP CONSTRAINT passkeys_sign_count_valid", &["missing_check"]),
        (
            "ALTER TABLE passkeys DROP CONSTRAINT passkeys_sign_count_valid; \
             ALTER TABLE passkeys ADD CONSTRAINT passkeys_sign_count_valid CHECK (sign_count >= -1)",
            &["altered_check"],
        ),
        ("DROP TABLE lockouts", &["missing_table"]),
        ("UPDATE _torii_schema SET checksum = REPEAT('x', 32) WHERE version = 1", &["history"]),
    ] {
        let database = server.database().await;
        on_mysql(&database.options(), sql).await;
        assert_eq!(verify(&database.url(), &[]).0, codes(expected), "{sql}");
    }
}

#[tokio::test]
async fn on_mysql_a_dropped_foreign_key_and_what_got_through_it_are_found_and_mended() {
    let database = MysqlServer::shared().database().await;
    let (url, options) = (database.url(), database.options());
    on_mysql(&options, USERS).await;
    on_mysql(
        &options,
        "ALTER TABLE sessions DROP FOREIGN KEY sessions_user_fkey; \
         INSERT INTO sessions (tenant_id, token_digest, user_id, created_at, updated_at, expires_at) VALUES \
            ('acme', REPEAT('1', 32), 'usr_a', NOW(6), NOW(6), NOW(6)), ('acme', REPEAT('2', 32), 'usr_d', NOW(6), NOW(6), NOW(6)), \
            ('acme', REPEAT('3', 32), 'usr_gone', NOW(6), NOW(6), NOW(6))",
    )
    .await;
    let expected = ["missing_foreign_key", "row_crosses_tenants", "row_without_user"];
    assert_eq!(verify(&url, &[]).0, codes(&expected));
    for code in ["row_crosses_tenants", "row_without_user", "missing_foreign_key"] {
        on_mysql(&options, finding(&url, code, "sessions")["sql"].as_str().unwrap()).await;
    }
    assert_eq!(verify(&url, &[]).0, codes(&[]));
}

/// Triggers stand in for the foreign keys that a partitioned table cannot have. One by one they are missed, and made again.
#[tokio::test]
async fn on_mysql_toriis_partitions_are_a_note_and_what_stands_in_for_keys_is_missed() {
    let database = MysqlServer::shared().database().await;
    let (url, options) = (database.url(), database.options());
    let provider = SeaORMStorage::connect(&url).await.unwrap().into_repository_provider();
    provider.partition(Partitions::MIN).await.unwrap();
    assert_eq!(verify(&url, &[]), (codes(&[]), codes(&["partitioned"])));
    let triggers =
        "SELECT CAST(trigger_name AS CHAR) FROM information_schema.triggers WHERE trigger_schema = DATABASE()";
    let triggers: Vec<String> = sqlx::query_scalar(triggers).fetch_all(&database.pool()).await.unwrap();
    assert_eq!(triggers.len(), 10);
    for trigger in triggers {
        on_mysql(&options, &format!("DROP TRIGGER {trigger}")).await;
        assert_eq!(verify(&url, &[]).0, codes(&["missing_trigger"]), "{trigger}");
        provider.partition(Partitions::MIN).await.unwrap();
    }
    for (sql, expected) in [
        (
            "ALTER TABLE sessions DROP PRIMARY KEY, ADD PRIMARY KEY (tenant_id, token_digest, user_id)",
            "missing_primary_key",
        ),
        ("ALTER TABLE secure_tokens DROP INDEX secure_tokens_expires", "missing_index"),
        ("ALTER TABLE sessions REMOVE PARTITIONING", "missing_foreign_key"),
    ] {
        on_mysql(&options, sql).await;
        assert!(verify(&url, &[]).0.contains(expected), "{sql}");
    }
}

/// What got past a trigger that was missing is found in the rows.
#[tokio::test]
async fn on_mysql_rows_of_partitioned_tables_are_examined_and_rolling_back_names_them() {
    let database = MysqlServer::shared().database().await;
    let (url, options) = (database.url(), database.options());
    let provider = SeaORMStorage::connect(&url).await.unwrap().into_repository_provider();
    provider.partition(Partitions::MIN).await.unwrap();
    let (_, object) = json(&url, &["rollback"]);
    let reasons = object["error"]["reasons"].as_array().unwrap();
    assert!(reasons.len() == 1 && reasons[0].as_str().unwrap().contains("unpartition"), "{reasons:?}");
    on_mysql(
        &options,
        "DROP TRIGGER torii_sessions_insert; \
         INSERT INTO sessions (tenant_id, token_digest, user_id, created_at, updated_at, expires_at) \
         VALUES ('default', REPEAT('3', 32), 'usr_gone', NOW(6), NOW(6), NOW(6))",
    )
    .await;
    assert_eq!(verify(&url, &[]).0, codes(&["missing_trigger", "row_without_user"]));
}

/// Somebody else's partitions keep no promise of torii's.
#[tokio::test]
async fn on_mysql_other_partitions_are_a_problem() {
    let database = MysqlServer::shared().database().await;
    let (url, options) = (database.url(), database.options());
    on_mysql(
        &options,
        "ALTER TABLE sessions DROP FOREIGN KEY sessions_user_fkey, DROP FOREIGN KEY sessions_tenant_fkey; \
         ALTER TABLE sessions DROP PRIMARY KEY, ADD PRIMARY KEY (tenant_id, token_digest, expires_at); \
         ALTER TABLE sessions PARTITION BY RANGE COLUMNS (expires_at) (PARTITION rest VALUES LESS THAN (MAXVALUE))",
    )
    .await;
    assert_eq!(
        verify(&url, &[]),
        (codes(&["altered_table", "missing_foreign_key", "missing_primary_key"]), codes(&[]))
    );
    assert_eq!(finding(&url, "altered_table", "sessions")["sql"], "ALTER TABLE sessions REMOVE PARTITIONING;");
}
