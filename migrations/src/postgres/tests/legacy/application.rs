//! What the application added.

use super::*;

#[tokio::test]
async fn its_tables_columns_views_indexes_and_triggers_stay() {
    let (_database, pool) = old(
        V053,
        "CREATE TABLE orgs (id INTEGER PRIMARY KEY);
         INSERT INTO orgs VALUES (7);
         ALTER TABLE users ADD COLUMN avatar VARCHAR(20) DEFAULT 'none', ADD COLUMN org_id INTEGER REFERENCES orgs ON DELETE SET NULL;
         UPDATE users SET avatar = 'ada.png', org_id = 7 WHERE id = 'usr_ada';
         CREATE TABLE articles (id INTEGER PRIMARY KEY, author TEXT REFERENCES users (id) ON DELETE CASCADE);
         CREATE TABLE likes (who TEXT REFERENCES users ON DELETE SET NULL);
         INSERT INTO articles VALUES (1, 'usr_ada'), (2, 'usr_zoe');
         INSERT INTO likes VALUES ('usr_ada');
         CREATE TABLE log (what TEXT);
         CREATE VIEW authors AS SELECT u.email, u.avatar FROM users AS u JOIN articles AS a ON a.author = u.id;
         CREATE INDEX users_by_name ON users (name);
         CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN INSERT INTO log VALUES (NEW.name); RETURN NULL; END $$;
         CREATE TRIGGER users_named AFTER UPDATE OF name ON users FOR EACH ROW EXECUTE FUNCTION note()",
    )
    .await;
    adopt(&pool).await;
    assert_eq!(text(&pool, "SELECT string_agg(avatar, ' ' ORDER BY 1) FROM authors").await, "ada.png none");
    execute(&pool, "UPDATE users SET name = 'Ada' WHERE id = 'usr_ada'").await;
    assert_eq!(text(&pool, "SELECT what FROM log").await, "Ada");
    execute(&pool, "DELETE FROM orgs").await;
    assert_eq!(count(&pool, "SELECT count(*) FROM users WHERE org_id IS NULL AND avatar = 'ada.png'").await, 1);
    execute(&pool, "DELETE FROM users WHERE id = 'usr_ada'").await;
    assert_eq!(count(&pool, "SELECT sum(id) FROM articles").await, 2);
    assert_eq!(count(&pool, "SELECT count(*) FROM likes WHERE who IS NULL").await, 1);
    assert!(sqlx::raw_sql("INSERT INTO articles VALUES (9, 'nobody')").execute(&pool).await.is_err());
    assert_eq!(count(&pool, "SELECT count(*) FROM pg_class WHERE relname = 'users_by_name'").await, 1);
}

#[tokio::test]
async fn what_would_stop_working_is_named_and_nothing_is_changed() {
    for (more, what) in [
        (
            "CREATE TABLE audit (session BIGINT REFERENCES sessions (id))",
            "the foreign key audit_session_fkey of audit to sessions",
        ),
        (
            "CREATE TABLE mails (email TEXT REFERENCES users (email))",
            "the foreign key mails_email_fkey of mails to users",
        ),
        ("CREATE VIEW live AS SELECT user_id FROM sessions", "the view live"),
        (
            "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
             CREATE TRIGGER t AFTER INSERT ON sessions FOR EACH ROW EXECUTE FUNCTION f()",
            "the trigger t of sessions",
        ),
    ] {
        let (_database, pool) = old(V053, more).await;
        let before = everything(&pool).await;
        let error = migrate(&pool, &Noon).await.unwrap_err();
        assert!(matches!(&error, MigrationError::InUse { objects } if objects[..] == [what]), "{error:?}");
        assert_eq!(everything(&pool).await, before);
        assert_eq!(status(&pool).await.unwrap_err().to_string(), error.to_string());
    }
}
