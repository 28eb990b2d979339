//! What the application added.

use super::*;

const APPLICATION: &str = "
    CREATE TABLE orgs (id INTEGER PRIMARY KEY);
    INSERT INTO orgs VALUES (7);
    ALTER TABLE users ADD COLUMN avatar VARCHAR(20) DEFAULT 'none';
    ALTER TABLE users ADD COLUMN org_id INTEGER REFERENCES orgs (id) ON DELETE SET NULL;
    UPDATE users SET avatar = 'ada.png', org_id = 7 WHERE id = 'usr_PGgSut82MQ8WxbDg';
    CREATE TABLE articles (id INTEGER PRIMARY KEY, author TEXT REFERENCES users (id) ON DELETE CASCADE);
    CREATE TABLE likes (who TEXT REFERENCES Users ON DELETE SET NULL);
    INSERT INTO articles VALUES (1, 'usr_PGgSut82MQ8WxbDg'), (2, 'usr_3GYnkjVPgDQuid4Wm'), (3, 'nobody');
    INSERT INTO likes VALUES ('usr_PGgSut82MQ8WxbDg');
    CREATE TABLE log (what TEXT);
    CREATE VIEW authors AS SELECT u.email, u.avatar FROM users AS u JOIN articles AS a ON a.author = u.id;
    CREATE INDEX users_by_name ON users (name);
    CREATE TRIGGER users_named AFTER UPDATE OF name ON users BEGIN INSERT INTO log VALUES (NEW.name); END;
";

#[tokio::test]
async fn its_tables_columns_views_indexes_and_triggers_stay() {
    let (_scratch, pool) = old(V053, APPLICATION).await;
    let before = dump(&pool).await;
    adopt(&pool).await;
    let after = dump(&pool).await;
    for name in ["orgs", "articles", "likes", "log", "authors", "users_by_name", "users_named"] {
        assert_eq!(before[name], after[name], "{name}");
    }
    assert_eq!(count(&pool, "SELECT count(*) FROM authors").await, 2);
    assert_eq!(text(&pool, "SELECT group_concat(avatar, ' ') FROM authors ORDER BY 1").await, "ada.png none");
    execute(&pool, "UPDATE users SET name = 'Ada' WHERE id = 'usr_PGgSut82MQ8WxbDg'").await;
    assert_eq!(text(&pool, "SELECT what FROM log").await, "Ada");
    execute(&pool, "DELETE FROM orgs").await;
    assert_eq!(count(&pool, "SELECT count(*) FROM users WHERE org_id IS NULL AND avatar = 'ada.png'").await, 1);
    // The foreign keys work, and do what they did.
    execute(&pool, "DELETE FROM users WHERE id = 'usr_PGgSut82MQ8WxbDg'").await;
    assert_eq!(text(&pool, "SELECT group_concat(id, ' ') FROM articles").await, "2 3");
    assert_eq!(count(&pool, "SELECT count(*) FROM likes WHERE who IS NULL").await, 1);
    let broken = sqlx::raw_sql("INSERT INTO articles VALUES (9, 'nobody')").execute(&pool).await;
    assert!(broken.is_err());
    // A new user gets what the application's defaults say.
    execute(&pool, "INSERT INTO users (id, email, email_key, created_at, updated_at) VALUES ('u', 'e', 'e', 't', 't')")
        .await;
    assert_eq!(text(&pool, "SELECT avatar FROM users WHERE id = 'u'").await, "none");
}

#[tokio::test]
async fn what_would_stop_working_is_named_and_nothing_is_changed() {
    for (more, what) in [
        ("CREATE TABLE audit (session INTEGER REFERENCES sessions (id))", "the foreign key of audit to sessions (id)"),
        ("CREATE TABLE mails (email TEXT REFERENCES users (email))", "the foreign key of mails to users (email)"),
        ("CREATE TRIGGER t AFTER INSERT ON sessions BEGIN DELETE FROM users WHERE 0; END", "the trigger t of sessions"),
        ("ALTER TABLE users ADD COLUMN upper AS (upper(email))", "the generated column upper of users"),
    ] {
        let (_scratch, pool) = old(V053, more).await;
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
    let (_scratch, pool) = old(V053, "ALTER TABLE sessions ADD COLUMN device TEXT").await;
    let adoption = adopt(&pool).await;
    let named: Vec<String> = adoption.findings.iter().map(ToString::to_string).collect();
    assert_eq!(named, ["sessions *: the column device is not torii's"]);
    assert_eq!(count(&pool, "SELECT count(device IS NULL) FROM _torii_backup_sessions").await, 6);
}

/// Tokens of versions before 0.5, which no later one read.
#[tokio::test]
async fn an_older_table_of_magic_links_is_left_alone() {
    let links = "CREATE TABLE magic_links (id INTEGER PRIMARY KEY, user_id TEXT REFERENCES users (id) ON DELETE CASCADE, token TEXT);
        INSERT INTO magic_links VALUES (1, 'usr_PGgSut82MQ8WxbDg', 't'); INSERT INTO _torii_migrations VALUES (7, 'CreateMagicLinksTable', 1)";
    let (_scratch, pool) = old(V053, links).await;
    assert_eq!(adopt(&pool).await.from, OlderVersion::Sqlx05);
    assert_eq!(count(&pool, "SELECT count(*) FROM magic_links").await, 1);
    execute(&pool, "DELETE FROM users").await;
    assert_eq!(count(&pool, "SELECT count(*) FROM magic_links").await, 0);
}
