//! What the application added.

use super::*;

const APPLICATION: &str = "
    CREATE TABLE orgs (id INTEGER PRIMARY KEY);
    INSERT INTO orgs VALUES (7);
    ALTER TABLE users ADD COLUMN avatar VARCHAR(20) CHARACTER SET latin1 NOT NULL DEFAULT 'none',
        ADD COLUMN org_id INTEGER, ADD CONSTRAINT users_org FOREIGN KEY (org_id) REFERENCES orgs (id) ON DELETE SET NULL,
        ADD COLUMN invited_by VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci,
        ADD CONSTRAINT users_invited FOREIGN KEY (invited_by) REFERENCES users (id),
        ADD COLUMN shout VARCHAR(300) CHARACTER SET utf8mb4 AS (CONCAT(UPPER(name), '!')) STORED;
    UPDATE users SET avatar = 'ada.png', org_id = 7, invited_by = 'usr_2vuHQgcXzGoMWeLqo' WHERE id = 'usr_2sfrVTFkRAMmGhBRq';
    CREATE TABLE articles (id INTEGER PRIMARY KEY, author VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci,
        CONSTRAINT articles_author FOREIGN KEY (author) REFERENCES users (id) ON DELETE CASCADE ON UPDATE CASCADE);
    CREATE TABLE likes (who VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci,
        FOREIGN KEY (who) REFERENCES users (id) ON DELETE SET NULL);
    INSERT INTO articles VALUES (1, 'usr_2sfrVTFkRAMmGhBRq'), (2, 'usr_2vuHQgcXzGoMWeLqo');
    INSERT INTO likes VALUES ('usr_2sfrVTFkRAMmGhBRq');
    CREATE TABLE log (what TEXT CHARACTER SET utf8mb4);
    CREATE VIEW authors AS SELECT u.email, u.avatar FROM users AS u JOIN articles AS a ON a.author = u.id;
    CREATE INDEX users_by_name ON users (name);
    CREATE TRIGGER users_named AFTER UPDATE ON users FOR EACH ROW
        INSERT INTO log SELECT NEW.name FROM DUAL WHERE NOT (NEW.name <=> OLD.name);
";

#[tokio::test]
async fn its_tables_columns_views_indexes_and_triggers_stay() {
    let (_database, pool) = old(V053, APPLICATION).await;
    let before = dump(&pool).await;
    adopt(&pool).await;
    let after = dump(&pool).await;
    for name in ["orgs", "articles", "likes", "log"] {
        assert_eq!(before[name], after[name], "{name}");
    }
    assert_eq!(count(&pool, "SELECT COUNT(*) FROM authors").await, 2);
    assert_eq!(
        text(&pool, "SELECT GROUP_CONCAT(avatar ORDER BY avatar SEPARATOR ' ') FROM authors").await,
        "ada.png none"
    );
    const INDEX: &str = "SELECT COUNT(*) FROM information_schema.statistics \
        WHERE table_schema = DATABASE() AND table_name = 'users' AND index_name = 'users_by_name' AND sub_part IS NULL";
    assert_eq!(count(&pool, INDEX).await, 1);
    assert_eq!(count(&pool, "SELECT COUNT(*) FROM users WHERE shout = 'ADA LOVELACE!'").await, 1);
    execute(&pool, "UPDATE users SET name = 'Ada' WHERE id = 'usr_2sfrVTFkRAMmGhBRq'").await;
    assert_eq!(text(&pool, "SELECT what FROM log").await, "Ada");
    execute(&pool, "DELETE FROM orgs").await;
    assert_eq!(count(&pool, "SELECT COUNT(*) FROM users WHERE org_id IS NULL AND avatar = 'ada.png'").await, 1);
    // The foreign keys work, and do what they did.
    execute(&pool, "DELETE FROM users WHERE id = 'usr_2sfrVTFkRAMmGhBRq'").await;
    assert_eq!(count(&pool, "SELECT CAST(SUM(id) AS SIGNED) FROM articles").await, 2);
    assert_eq!(count(&pool, "SELECT COUNT(*) FROM likes WHERE who IS NULL").await, 1);
    assert_eq!(count(&pool, "SELECT COUNT(*) FROM sessions WHERE user_id = 'usr_2sfrVTFkRAMmGhBRq'").await, 0);
    for broken in [
        "INSERT INTO articles VALUES (9, 'nobody')",
        "INSERT INTO sessions (token_digest, user_id, created_at, updated_at, expires_at) VALUES (REPEAT('x', 32), 'nobody', NOW(6), NOW(6), NOW(6))",
        "UPDATE users SET invited_by = 'nobody'",
    ] {
        assert!(sqlx::raw_sql(broken).execute(&pool).await.is_err(), "{broken}");
    }
    // A new user gets what the application's defaults say.
    execute(
        &pool,
        "INSERT INTO users (id, email, email_key, created_at, updated_at) VALUES ('u', 'e', 'e', NOW(6), NOW(6))",
    )
    .await;
    execute(&pool, "INSERT INTO articles VALUES (3, 'u')").await;
    assert_eq!(text(&pool, "SELECT avatar FROM users WHERE id = 'u'").await, "none");
    // Two tenants may have the same address.
    execute(&pool, "INSERT INTO tenants (id, created_at, updated_at) VALUES ('acme', NOW(6), NOW(6))").await;
    execute(&pool, "INSERT INTO users (tenant_id, id, email, email_key, created_at, updated_at) VALUES ('acme', 'v', 'e', 'e', NOW(6), NOW(6))").await;
}

/// The ids that the application's tables refer to keep their type, and the new tables have the same. Where nothing refers to them
/// they are compared byte by byte, as in a new database.
#[tokio::test]
async fn ids_keep_their_type_where_the_application_refers_to_them() {
    const COLLATIONS: &str = "SELECT CAST(GROUP_CONCAT(DISTINCT collation_name) AS CHAR) FROM information_schema.columns \
        WHERE table_schema = DATABASE() AND table_name NOT LIKE '\\_torii%' \
        AND (table_name = 'users' AND column_name = 'id' OR column_name IN ('user_id', 'author'))";
    let (_database, pool) = old(V053, APPLICATION).await;
    adopt(&pool).await;
    assert_eq!(text(&pool, COLLATIONS).await, "utf8mb4_general_ci");
    let (_database, pool) = old(V053, "").await;
    adopt(&pool).await;
    assert!(text(&pool, COLLATIONS).await.ends_with("bin"));
}

/// A table of another database may refer to users.
#[tokio::test]
async fn keys_from_other_databases_are_seen() {
    let (database, pool) = old(V053, "").await;
    let (other, other_pool) = empty().await;
    let articles = format!(
        "CREATE TABLE articles (author VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci NOT NULL,
             CONSTRAINT articles_author FOREIGN KEY (author) REFERENCES {}.users (id) ON DELETE CASCADE);
         INSERT INTO articles SELECT id FROM {0}.users",
        database.name()
    );
    load(&other, &articles).await;
    adopt(&pool).await;
    assert_eq!(count(&other_pool, "SELECT COUNT(*) FROM articles").await, 9);
    execute(&pool, "DELETE FROM users WHERE id = 'usr_2sfrVTFkRAMmGhBRq'").await;
    assert_eq!(count(&other_pool, "SELECT COUNT(*) FROM articles").await, 8);
    execute(&other_pool, "DROP TABLE articles").await;
}

#[tokio::test]
async fn what_would_stop_working_is_named_and_nothing_is_changed() {
    for (more, what) in [
        (
            "CREATE TABLE audit (session BIGINT, CONSTRAINT audit_session FOREIGN KEY (session) REFERENCES sessions (id))",
            "the foreign key audit_session of audit to sessions (id)",
        ),
        (
            "CREATE TABLE mails (email VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci,
                 CONSTRAINT mails_email FOREIGN KEY (email) REFERENCES users (email))",
            "the foreign key mails_email of mails to users (email)",
        ),
        (
            "CREATE TRIGGER t AFTER INSERT ON sessions FOR EACH ROW DELETE FROM users WHERE FALSE",
            "the trigger t of sessions",
        ),
        ("CREATE VIEW online AS SELECT user_id FROM sessions", "the view online"),
        (
            "ALTER TABLE users ADD COLUMN metadata TEXT",
            "the application's column metadata of users, whose name is needed,",
        ),
    ] {
        let (_database, pool) = old(V053, more).await;
        let before = dump(&pool).await;
        let error = migrate(&pool, &Noon).await.unwrap_err();
        assert!(matches!(&error, MigrationError::InUse { objects } if objects[..] == [what]), "{error:?}");
        assert!(error.to_string().contains(what) && error.to_string().contains("nothing was changed"), "{error}");
        assert_eq!(dump(&pool).await, before);
        assert_eq!(status(&pool).await.unwrap_err().to_string(), error.to_string());
    }
}

#[tokio::test]
async fn columns_in_other_tables_are_set_aside_and_named() {
    let more = "CREATE TABLE devices (id INTEGER PRIMARY KEY); INSERT INTO devices VALUES (1);
        ALTER TABLE sessions ADD COLUMN device INTEGER NOT NULL DEFAULT 1, ADD CONSTRAINT session_device FOREIGN KEY (device) REFERENCES devices (id)";
    let (_database, pool) = old(V053, more).await;
    let adoption = adopt(&pool).await;
    let named: Vec<String> = adoption.findings.iter().map(ToString::to_string).collect();
    assert_eq!(named, ["sessions *: the column device is not torii's"]);
    assert_eq!(count(&pool, "SELECT CAST(SUM(device) AS SIGNED) FROM _torii_backup_sessions").await, 7);
    // What is set aside keeps nobody from changing what it referred to.
    execute(&pool, "DELETE FROM devices").await;
}
