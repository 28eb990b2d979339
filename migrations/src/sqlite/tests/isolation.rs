//! What the database itself refuses.

use sqlx::error::ErrorKind;

use super::*;
use crate::sqlite::migrate;

/// Two tenants with one user each: `anna` in `a`, `ben` in `b`.
async fn two_tenants() -> (Scratch, SqlitePool) {
    let scratch = Scratch::new();
    let pool = scratch.pool();
    migrate(&pool, &Noon).await.unwrap();
    execute(
        &pool,
        "INSERT INTO tenants (id, created_at, updated_at) VALUES ('a', 't', 't'), ('b', 't', 't');
         INSERT INTO users (id, tenant_id, email, email_key, created_at, updated_at) VALUES
             ('anna', 'a', 'x@example.com', 'x@example.com', 't', 't'),
             ('ben', 'b', 'x@example.com', 'x@example.com', 't', 't');",
    )
    .await;
    (scratch, pool)
}

async fn refused(pool: &SqlitePool, sql: &'static str, tenant: &str, user: &str) -> Option<ErrorKind> {
    let result = sqlx::query(sql).bind(tenant).bind(user).execute(pool).await;
    result.err().map(|error| error.as_database_error().unwrap().kind())
}

/// `?1` is the tenant, `?2` the user.
const CHILDREN: [&str; 4] = [
    "INSERT INTO sessions (tenant_id, token_digest, user_id, created_at, updated_at, expires_at) \
     VALUES (?1, zeroblob(32), ?2, 't', 't', 't')",
    "INSERT INTO oauth_accounts (tenant_id, provider, subject, user_id, created_at, updated_at) \
     VALUES (?1, 'google', '1', ?2, 't', 't')",
    "INSERT INTO passkeys (tenant_id, credential_id, user_id, public_key, created_at, updated_at) \
     VALUES (?1, x'01', ?2, x'02', 't', 't')",
    "INSERT INTO secure_tokens (tenant_id, token_digest, user_id, purpose, expires_at, created_at, updated_at) \
     VALUES (?1, zeroblob(32), ?2, 'magic_link', 't', 't', 't')",
];

/// `?1` is the tenant, `?2` anything.
const OTHERS: [&str; 5] = [
    "INSERT INTO users (tenant_id, id, email, email_key, created_at, updated_at) VALUES (?1, ?2 || '2', 'y', 'y', 't', 't')",
    "INSERT INTO oauth_states VALUES (?1, zeroblob(32), ?2, 't', 't')",
    "INSERT INTO passkey_challenges VALUES (?1, zeroblob(32), ?2, 't', 't')",
    "INSERT INTO lockouts (tenant_id, email_key, failures, window_started_at) VALUES (?1, ?2, 1, 't')",
    "INSERT INTO failed_login_attempts (tenant_id, email, attempted_at) VALUES (?1, ?2, 't')",
];

#[tokio::test]
async fn a_row_that_joins_two_tenants_is_refused() {
    let (_scratch, pool) = two_tenants().await;
    for child in CHILDREN {
        assert_eq!(refused(&pool, child, "a", "ben").await, Some(ErrorKind::ForeignKeyViolation), "{child}");
        assert_eq!(refused(&pool, child, "b", "anna").await, Some(ErrorKind::ForeignKeyViolation), "{child}");
        // The same row, rightly owned, is fine, and in both tenants at once.
        assert_eq!(refused(&pool, child, "a", "anna").await, None, "{child}");
        assert_eq!(refused(&pool, child, "b", "ben").await, None, "{child}");
    }
}

#[tokio::test]
async fn a_user_with_children_cannot_move_to_another_tenant() {
    let (_scratch, pool) = two_tenants().await;
    for child in CHILDREN {
        assert_eq!(refused(&pool, child, "a", "anna").await, None);
    }
    let moved = "UPDATE users SET tenant_id = ?1, email_key = 'free' WHERE id = ?2";
    assert_eq!(refused(&pool, moved, "b", "anna").await, Some(ErrorKind::ForeignKeyViolation));
}

#[tokio::test]
async fn a_row_of_a_tenant_that_does_not_exist_is_refused() {
    let (_scratch, pool) = two_tenants().await;
    for table in CHILDREN.into_iter().chain(OTHERS) {
        assert_eq!(refused(&pool, table, "nobody", "anna").await, Some(ErrorKind::ForeignKeyViolation), "{table}");
    }
    for table in OTHERS {
        assert_eq!(refused(&pool, table, "a", "anna").await, None, "{table}");
    }
}

#[tokio::test]
async fn deleting_a_user_deletes_what_is_theirs_and_nothing_else() {
    let (_scratch, pool) = two_tenants().await;
    for child in CHILDREN {
        assert_eq!(refused(&pool, child, "a", "anna").await, None);
        assert_eq!(refused(&pool, child, "b", "ben").await, None);
    }
    execute(&pool, "DELETE FROM users WHERE tenant_id = 'a' AND id = 'anna'").await;
    for left in [
        "SELECT group_concat(user_id) FROM sessions",
        "SELECT group_concat(user_id) FROM oauth_accounts",
        "SELECT group_concat(user_id) FROM passkeys",
        "SELECT group_concat(user_id) FROM secure_tokens",
    ] {
        assert_eq!(sqlx::query_scalar::<_, String>(left).fetch_one(&pool).await.unwrap(), "ben", "{left}");
    }
}

#[tokio::test]
async fn deleting_a_tenant_deletes_everything_of_it_and_nothing_else() {
    let (_scratch, pool) = two_tenants().await;
    for (tenant, user) in [("a", "anna"), ("b", "ben")] {
        for table in CHILDREN.into_iter().chain(OTHERS) {
            assert_eq!(refused(&pool, table, tenant, user).await, None, "{table}");
        }
    }
    execute(&pool, "DELETE FROM tenants WHERE id = 'a'").await;
    for tables in [
        "SELECT group_concat(DISTINCT tenant_id) FROM users",
        "SELECT group_concat(DISTINCT tenant_id) FROM sessions",
        "SELECT group_concat(DISTINCT tenant_id) FROM oauth_accounts",
        "SELECT group_concat(DISTINCT tenant_id) FROM oauth_states",
        "SELECT group_concat(DISTINCT tenant_id) FROM passkeys",
        "SELECT group_concat(DISTINCT tenant_id) FROM passkey_challenges",
        "SELECT group_concat(DISTINCT tenant_id) FROM secure_tokens",
        "SELECT group_concat(DISTINCT tenant_id) FROM lockouts",
        "SELECT group_concat(DISTINCT tenant_id) FROM failed_login_attempts",
    ] {
        assert_eq!(sqlx::query_scalar::<_, String>(tables).fetch_one(&pool).await.unwrap(), "b", "{tables}");
    }
}

#[tokio::test]
async fn an_address_is_one_user_per_tenant() {
    let (_scratch, pool) = two_tenants().await;
    let again = "INSERT INTO users (tenant_id, id, email, email_key, created_at, updated_at) \
                 VALUES (?1, ?2, 'X@example.com', 'x@example.com', 't', 't')";
    assert_eq!(refused(&pool, again, "a", "other").await, Some(ErrorKind::UniqueViolation));
    assert_eq!(refused(&pool, again, "default", "other").await, None);
    // An id is nobody else's, in no tenant: applications refer to it alone.
    let same_id = "INSERT INTO users (tenant_id, id, email, email_key, created_at, updated_at) \
                   VALUES (?1, ?2, 'z', 'z', 't', 't')";
    assert_eq!(refused(&pool, same_id, "b", "anna").await, Some(ErrorKind::UniqueViolation));
}

#[tokio::test]
async fn invalid_tenant_ids_are_refused() {
    let (_scratch, pool) = two_tenants().await;
    let insert = "INSERT INTO tenants (id, name, created_at, updated_at) VALUES (?1, ?2, 't', 't')";
    let long = "a".repeat(64);
    let too_long = "a".repeat(65);
    for valid in ["acme-corp", "ACME_corp", "0", "-", long.as_str()] {
        assert_eq!(refused(&pool, insert, valid, "").await, None, "{valid:?}");
    }
    for invalid in [
        "",
        too_long.as_str(),
        "acme\n",
        "\nacme",
        "acme corp",
        "acme.corp",
        "acmé",
        "acme\0",
        "acme\0corp",
        "a/b",
        "a'b",
        "a*",
        "[a]",
        "^",
        "%",
        "ａcme",
    ] {
        assert_eq!(refused(&pool, insert, invalid, "").await, Some(ErrorKind::CheckViolation), "{invalid:?}");
    }
    // Ids differ by case.
    assert_eq!(refused(&pool, insert, "A", "").await, None);
}

#[tokio::test]
async fn malformed_values_are_refused() {
    let (_scratch, pool) = two_tenants().await;
    for (column, value) in [
        ("UPDATE tenants SET status = ?2 WHERE id = ?1", "gone"),
        ("UPDATE tenants SET settings = ?2 WHERE id = ?1", "{"),
        ("UPDATE users SET metadata = ?2 WHERE tenant_id = ?1", "{"),
        ("INSERT INTO oauth_states VALUES (?1, CAST(?2 AS BLOB), 'v', 't', 't')", "short"),
        ("INSERT INTO passkey_challenges VALUES (?1, CAST(?2 AS BLOB), 'c', 't', 't')", "short"),
        (
            "INSERT INTO sessions (tenant_id, token_digest, user_id, created_at, updated_at, expires_at) \
             VALUES (?1, CAST(?2 AS BLOB), 'anna', 't', 't', 't')",
            "short",
        ),
        (
            "INSERT INTO secure_tokens (tenant_id, token_digest, user_id, purpose, expires_at, created_at, updated_at) \
             VALUES (?1, zeroblob(32), 'anna', ?2, 't', 't', 't')",
            "other",
        ),
    ] {
        assert_eq!(refused(&pool, column, "a", value).await, Some(ErrorKind::CheckViolation), "{column}");
    }
    // STRICT: 32 characters are not 32 bytes.
    let text = sqlx::query("INSERT INTO oauth_states VALUES ('a', '0123456789abcdef0123456789abcdef', 'v', 't', 't')")
        .execute(&pool)
        .await
        .unwrap_err();
    assert!(text.to_string().contains("cannot store TEXT value in BLOB column"), "{text}");
}
