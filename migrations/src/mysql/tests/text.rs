//! How text and bytes are compared, and how much of them fits.

use super::*;

async fn user(pool: &MySqlPool, id: &str, email_key: &str) -> sqlx::Result<()> {
    sqlx::query("INSERT INTO users (id, email, email_key, created_at, updated_at) VALUES (?, ?, ?, NOW(6), NOW(6))")
        .bind(id)
        .bind(email_key)
        .bind(email_key)
        .execute(pool)
        .await?;
    Ok(())
}

/// Differences that a collation may pass over: case, marks, width, what is ignored, and trailing space.
const ALIKE: [&str; 12] = [
    "anna",
    "Anna",
    "änna",
    "a\u{308}nna",
    "ａnna",
    "anna ",
    "anna  ",
    "anna\t",
    "anna\0",
    "anna\u{200d}",
    "ＡNNA",
    "ßanna",
];

#[tokio::test]
async fn texts_that_look_alike_never_meet() {
    let (_database, pool) = migrated().await;
    for text in ALIKE {
        user(&pool, text, text).await.unwrap();
        sqlx::query("INSERT INTO lockouts (email_key, failures, window_started_at) VALUES (?, 1, NOW(6))")
            .bind(text)
            .execute(&pool)
            .await
            .unwrap();
        sqlx::query(
            "INSERT INTO oauth_accounts (provider, subject, user_id, created_at, updated_at) \
             VALUES ('google', ?, ?, NOW(6), NOW(6))",
        )
        .bind(text)
        .bind(text)
        .execute(&pool)
        .await
        .unwrap();
    }
    for text in ALIKE {
        for query in [
            "SELECT id FROM users WHERE tenant_id = 'default' AND id = ?",
            "SELECT email FROM users WHERE tenant_id = 'default' AND email_key = ?",
            "SELECT email_key FROM lockouts WHERE tenant_id = 'default' AND email_key = ?",
            "SELECT user_id FROM oauth_accounts WHERE tenant_id = 'default' AND provider = 'google' AND subject = ?",
        ] {
            let found: Vec<String> = sqlx::query_scalar(query).bind(text).fetch_all(&pool).await.unwrap();
            assert_eq!(found, [text], "{query}");
        }
    }
}

/// `anna ` has a session, and `anna` is somebody else, or nobody.
#[tokio::test]
async fn a_key_to_a_user_does_not_look_past_a_space() {
    let (_database, pool) = migrated().await;
    user(&pool, "anna", "anna").await.unwrap();
    let session = "INSERT INTO sessions (tenant_id, user_id, token_digest, created_at, updated_at, expires_at) \
                   VALUES (?, ?, REPEAT(CHAR(0), 32), NOW(6), NOW(6), NOW(6))";
    let violation = Some(sqlx::error::ErrorKind::ForeignKeyViolation);
    for other in ["anna ", "Anna", "änna", "anna\0"] {
        assert_eq!(refused(&pool, session, "default", other).await, violation, "{other:?}");
    }
    assert_eq!(refused(&pool, session, "default", "anna").await, None);
}

/// An error would tell a foreign id from an unknown one.
#[tokio::test]
async fn any_text_is_looked_up_without_an_error() {
    let (_database, pool) = migrated().await;
    let long = "x".repeat(100_000);
    for text in ["", "é", "\u{1f980}", "\0", "\u{feff}", "'; --", "\\", long.as_str()] {
        for query in [
            "SELECT id FROM users WHERE tenant_id = 'default' AND id = ?",
            "SELECT id FROM users WHERE tenant_id = 'default' AND email_key = ?",
            "SELECT user_id FROM oauth_accounts WHERE tenant_id = 'default' AND provider = ?",
            "SELECT email_key FROM lockouts WHERE tenant_id = 'default' AND email_key = ?",
            "SELECT email FROM failed_login_attempts WHERE tenant_id = 'default' AND email = ?",
            "SELECT user_id FROM sessions WHERE tenant_id = 'default' AND user_id = ?",
            "SELECT user_id FROM passkeys WHERE tenant_id = 'default' AND credential_id = ?",
        ] {
            let found: Vec<String> = sqlx::query_scalar(query).bind(text).fetch_all(&pool).await.unwrap();
            assert!(found.is_empty(), "{text:.20?}: {query}");
        }
    }
}

#[tokio::test]
async fn the_longest_values_fit() {
    let (_database, pool) = migrated().await;
    // 255 bytes are the most that core accepts of each; even 255 characters of four bytes fit.
    let longest = "\u{1f980}".repeat(255);
    user(&pool, &longest, &longest).await.unwrap();
    let tenant = "t".repeat(64);
    assert_eq!(
        refused(
            &pool,
            "INSERT INTO tenants (id, name, created_at, updated_at) VALUES (?, ?, NOW(6), NOW(6))",
            &tenant,
            "n"
        )
        .await,
        None
    );
    sqlx::query(
        "INSERT INTO oauth_accounts (provider, subject, user_id, created_at, updated_at) VALUES (?, ?, ?, NOW(6), NOW(6))",
    )
    .bind(&longest)
    .bind(&longest)
    .bind(&longest)
    .execute(&pool)
    .await
    .unwrap();
    let passkey = "INSERT INTO passkeys (credential_id, public_key, user_id, created_at, updated_at) \
                   VALUES (?, ?, ?, NOW(6), NOW(6))";
    let insert = async |bytes: usize, last: u8| {
        let mut id = vec![0xff; bytes];
        id[bytes - 1] = last;
        sqlx::query(passkey).bind(id).bind(vec![0_u8; 10_000]).bind(&longest).execute(&pool).await
    };
    // WebAuthn, section 4: at most 1023 bytes, and the last one counts.
    insert(1023, 0).await.unwrap();
    insert(1023, 1).await.unwrap();
    insert(1, 0).await.unwrap();
    insert(2, 0).await.unwrap();
    assert!(insert(1024, 0).await.is_err());
    assert_eq!(count(&pool, "SELECT COUNT(*) FROM passkeys WHERE credential_id = X'00'").await, 1);
}

#[tokio::test]
async fn times_keep_their_microseconds() {
    let (_database, pool) = migrated().await;
    for time in [
        "1000-01-01T00:00:00Z",
        "1969-12-31T23:59:59.999999Z",
        "1970-01-01T00:00:00Z",
        "2023-11-14T22:13:20.123456Z",
        "2038-01-19T03:14:08Z",
        "2100-01-01T00:00:00.000001Z",
        "9999-12-31T23:59:59.999999Z",
    ] {
        let time: DateTime<Utc> = time.parse().unwrap();
        sqlx::query("UPDATE tenants SET suspended_at = ?").bind(time.naive_utc()).execute(&pool).await.unwrap();
        let read: DateTime<Utc> =
            sqlx::query_scalar("SELECT suspended_at FROM tenants").fetch_one(&pool).await.unwrap();
        assert_eq!(read, time);
        let equal: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM tenants WHERE suspended_at = ?")
            .bind(time.naive_utc())
            .fetch_one(&pool)
            .await
            .unwrap();
        assert_eq!(equal, 1);
    }
}

/// The driver sends a `DateTime<Utc>` as a TIMESTAMP, which ends in January 2038. MariaDB takes a later one for NULL, in strict
/// mode too: whoever writes a column that may be NULL has to send a DATETIME.
#[tokio::test]
async fn the_end_of_a_session_is_never_another_than_was_meant() {
    let (_database, pool) = migrated().await;
    user(&pool, "anna", "anna").await.unwrap();
    let late: DateTime<Utc> = "2060-01-01T00:00:00Z".parse().unwrap();
    let insert = "INSERT INTO sessions (expires_at, user_id, token_digest, created_at, updated_at) \
                  VALUES (?, 'anna', REPEAT(CHAR(0), 32), NOW(6), NOW(6))";
    if let Err(error) = sqlx::query(insert).bind(late).execute(&pool).await {
        assert_eq!(error.as_database_error().unwrap().kind(), sqlx::error::ErrorKind::NotNullViolation);
        sqlx::query(insert).bind(late.naive_utc()).execute(&pool).await.unwrap();
    }
    let stored: DateTime<Utc> = sqlx::query_scalar("SELECT expires_at FROM sessions").fetch_one(&pool).await.unwrap();
    assert_eq!(stored, late);
}

#[tokio::test]
async fn lookups_use_their_keys() {
    let (_database, pool) = migrated().await;
    user(&pool, "anna", "anna").await.unwrap();
    for (query, expected) in [
        ("EXPLAIN SELECT email FROM users WHERE tenant_id = ? AND id = ?", &["PRIMARY", "users_tenant_user"][..]),
        ("EXPLAIN SELECT email FROM users WHERE tenant_id = ? AND email_key = ?", &["users_tenant_email"]),
    ] {
        use sqlx::Row as _;
        let row = sqlx::query(query).bind("default").bind("anna").fetch_one(&pool).await.unwrap();
        let (access, key): (String, String) = (row.get("type"), row.get("key"));
        assert_eq!(access, "const", "{query}");
        assert!(expected.contains(&key.as_str()), "{query}: {key}");
    }
}
