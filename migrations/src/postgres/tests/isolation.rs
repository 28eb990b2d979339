//! What the database itself refuses.

use sqlx::error::ErrorKind;

use super::*;

/// Two tenants with one user each: `anna` in `a`, `ben` in `b`.
async fn two_tenants() -> (PostgresDatabase, PgPool) {
    let (database, pool) = migrated().await;
    execute(
        &pool,
        "INSERT INTO tenants (id, created_at, updated_at) VALUES ('a', now(), now()), ('b', now(), now());
         INSERT INTO users (id, tenant_id, email, email_key, created_at, updated_at) VALUES
             ('anna', 'a', 'x@example.com', 'x@example.com', now(), now()),
             ('ben', 'b', 'x@example.com', 'x@example.com', now(), now());",
    )
    .await;
    (database, pool)
}

/// Why the statement was refused, if it was.
async fn refused(pool: &PgPool, sql: &'static str, tenant: &str, user: &str) -> Option<ErrorKind> {
    let result = sqlx::query(sql).bind(tenant).bind(user).execute(pool).await;
    result.err().map(|error| error.as_database_error().unwrap().kind())
}

/// `$1` is the tenant, `$2` the user.
const CHILDREN: [&str; 4] = [
    "INSERT INTO sessions (tenant_id, token_digest, user_id, created_at, updated_at, expires_at) \
     VALUES ($1, decode(repeat('00', 32), 'hex'), $2, now(), now(), now())",
    "INSERT INTO oauth_accounts (tenant_id, provider, subject, user_id, created_at, updated_at) \
     VALUES ($1, 'google', '1', $2, now(), now())",
    "INSERT INTO passkeys (tenant_id, credential_id, user_id, public_key, created_at, updated_at) \
     VALUES ($1, '\\x01', $2, '\\x02', now(), now())",
    "INSERT INTO secure_tokens (tenant_id, token_digest, user_id, purpose, expires_at, created_at, updated_at) \
     VALUES ($1, decode(repeat('00', 32), 'hex'), $2, 'magic_link', now(), now(), now())",
];

/// `$1` is the tenant, `$2` anything.
const OTHERS: [&str; 5] = [
    "INSERT INTO users (tenant_id, id, email, email_key, created_at, updated_at) \
     VALUES ($1, $2 || '2', 'y', 'y', now(), now())",
    "INSERT INTO oauth_states VALUES ($1, decode(repeat('00', 32), 'hex'), $2, now(), now())",
    "INSERT INTO passkey_challenges VALUES ($1, decode(repeat('00', 32), 'hex'), $2, now(), now())",
    "INSERT INTO lockouts (tenant_id, email_key, failures, window_started_at) VALUES ($1, $2, 1, now())",
    "INSERT INTO failed_login_attempts (tenant_id, email, attempted_at) VALUES ($1, $2, now())",
];

#[tokio::test]
async fn a_row_that_joins_two_tenants_is_refused() {
    let (_database, pool) = two_tenants().await;
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
    let (_database, pool) = two_tenants().await;
    for child in CHILDREN {
        assert_eq!(refused(&pool, child, "a", "anna").await, None);
    }
    let moved = "UPDATE users SET tenant_id = $1, email_key = 'free' WHERE id = $2";
    assert_eq!(refused(&pool, moved, "b", "anna").await, Some(ErrorKind::ForeignKeyViolation));
}

#[tokio::test]
async fn a_row_of_a_tenant_that_does_not_exist_is_refused() {
    let (_database, pool) = two_tenants().await;
    for table in CHILDREN.into_iter().chain(OTHERS) {
        assert_eq!(refused(&pool, table, "nobody", "anna").await, Some(ErrorKind::ForeignKeyViolation), "{table}");
    }
    for table in OTHERS {
        assert_eq!(refused(&pool, table, "a", "anna").await, None, "{table}");
    }
}

#[tokio::test]
async fn deleting_a_user_deletes_what_is_theirs_and_nothing_else() {
    let (_database, pool) = two_tenants().await;
    for child in CHILDREN {
        assert_eq!(refused(&pool, child, "a", "anna").await, None);
        assert_eq!(refused(&pool, child, "b", "ben").await, None);
    }
    execute(&pool, "DELETE FROM users WHERE tenant_id = 'a' AND id = 'anna'").await;
    for left in [
        "SELECT string_agg(user_id, ',') FROM sessions",
        "SELECT string_agg(user_id, ',') FROM oauth_accounts",
        "SELECT string_agg(user_id, ',') FROM passkeys",
        "SELECT string_agg(user_id, ',') FROM secure_tokens",
    ] {
        assert_eq!(sqlx::query_scalar::<_, String>(left).fetch_one(&pool).await.unwrap(), "ben", "{left}");
    }
}

#[tokio::test]
async fn deleting_a_tenant_deletes_everything_of_it_and_nothing_else() {
    let (_database, pool) = two_tenants().await;
    for (tenant, user) in [("a", "anna"), ("b", "ben")] {
        for table in CHILDREN.into_iter().chain(OTHERS) {
            assert_eq!(refused(&pool, table, tenant, user).await, None, "{table}");
        }
    }
    execute(&pool, "DELETE FROM tenants WHERE id = 'a'").await;
    for tables in [
        "SELECT string_agg(DISTINCT tenant_id, ',') FROM users",
        "SELECT string_agg(DISTINCT tenant_id, ',') FROM sessions",
        "SELECT string_agg(DISTINCT tenant_id, ',') FROM oauth_accounts",
        "SELECT string_agg(DISTINCT tenant_id, ',') FROM oauth_states",
        "SELECT string_agg(DISTINCT tenant_id, ',') FROM passkeys",
        "SELECT string_agg(DISTINCT tenant_id, ',') FROM passkey_challenges",
        "SELECT string_agg(DISTINCT tenant_id, ',') FROM secure_tokens",
        "SELECT string_agg(DISTINCT tenant_id, ',') FROM lockouts",
        "SELECT string_agg(DISTINCT tenant_id, ',') FROM failed_login_attempts",
    ] {
        assert_eq!(sqlx::query_scalar::<_, String>(tables).fetch_one(&pool).await.unwrap(), "b", "{tables}");
    }
}

#[tokio::test]
async fn an_address_is_one_user_per_tenant() {
    let (_database, pool) = two_tenants().await;
    let again = "INSERT INTO users (tenant_id, id, email, email_key, created_at, updated_at) \
                 VALUES ($1, $2, 'X@example.com', 'x@example.com', now(), now())";
    assert_eq!(refused(&pool, again, "a", "other").await, Some(ErrorKind::UniqueViolation));
    assert_eq!(refused(&pool, again, "default", "other").await, None);
    // An id is nobody else's, in no tenant: applications refer to it alone.
    let same_id = "INSERT INTO users (tenant_id, id, email, email_key, created_at, updated_at) \
                   VALUES ($1, $2, 'z', 'z', now(), now())";
    assert_eq!(refused(&pool, same_id, "b", "anna").await, Some(ErrorKind::UniqueViolation));
}

#[tokio::test]
async fn invalid_tenant_ids_are_refused() {
    let (_database, pool) = two_tenants().await;
    let insert = "INSERT INTO tenants (id, name, created_at, updated_at) VALUES ($1, $2, now(), now())";
    let long = "a".repeat(64);
    for valid in ["acme-corp", "ACME_corp", "0", "-", long.as_str()] {
        assert_eq!(refused(&pool, insert, valid, "").await, None, "{valid:?}");
    }
    for invalid in [
        "",
        "acme\n",
        "\nacme",
        "acme\n\n",
        "acme\r\n",
        "acme ",
        "acme corp",
        "acme.corp",
        "acmé",
        "a/b",
        "a'b",
        "a*",
        "a\\",
        "[a]",
        "^",
        "%",
        "ａcme",
    ] {
        assert_eq!(refused(&pool, insert, invalid, "").await, Some(ErrorKind::CheckViolation), "{invalid:?}");
    }
    // Refused by the types: what is too long, even by blanks that a cast would cut, and what no text can hold.
    for invalid in ["a".repeat(65), format!("{long} "), format!("{long}\n"), "acme\0".to_owned()] {
        assert!(refused(&pool, insert, &invalid, "").await.is_some(), "{invalid:?}");
    }
    // Ids differ by case.
    assert_eq!(refused(&pool, insert, "A", "").await, None);
    assert_eq!(count(&pool, "SELECT count(*) FROM tenants WHERE id ~ '[^A-Za-z0-9_-]' OR length(id) > 64").await, 0);
}

#[tokio::test]
async fn malformed_values_are_refused() {
    let (_database, pool) = two_tenants().await;
    for (sql, value) in [
        ("UPDATE tenants SET status = $2 WHERE id = $1", "gone"),
        ("INSERT INTO oauth_states VALUES ($1, convert_to($2, 'UTF8'), 'v', now(), now())", "short"),
        ("INSERT INTO passkey_challenges VALUES ($1, convert_to($2, 'UTF8'), 'c', now(), now())", "short"),
        (
            "INSERT INTO sessions (tenant_id, token_digest, user_id, created_at, updated_at, expires_at) \
             VALUES ($1, convert_to($2, 'UTF8'), 'anna', now(), now(), now())",
            "short",
        ),
        (
            "INSERT INTO secure_tokens (tenant_id, token_digest, user_id, purpose, expires_at, created_at, updated_at) \
             VALUES ($1, decode(repeat('00', 32), 'hex'), 'anna', $2, now(), now(), now())",
            "other",
        ),
        (
            "INSERT INTO passkeys (tenant_id, credential_id, user_id, public_key, sign_count, created_at, updated_at) \
             VALUES ($1, '\\x01', 'anna', convert_to($2, 'UTF8'), -1, now(), now())",
            "key",
        ),
        (
            "INSERT INTO lockouts (tenant_id, email_key, failures, window_started_at) VALUES ($1, $2, -1, now())",
            "x@example.com",
        ),
    ] {
        assert_eq!(refused(&pool, sql, "a", value).await, Some(ErrorKind::CheckViolation), "{sql}");
    }
    let no_json = "UPDATE users SET metadata = $2::jsonb WHERE tenant_id = $1";
    assert!(refused(&pool, no_json, "a", "{").await.is_some());
    let own_id = "INSERT INTO failed_login_attempts (id, tenant_id, email, attempted_at) VALUES (1, $1, $2, now())";
    assert!(refused(&pool, own_id, "a", "x@example.com").await.is_some(), "the database numbers the attempts");
}
