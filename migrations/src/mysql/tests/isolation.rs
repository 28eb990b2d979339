//! What the database itself refuses.

use sqlx::error::ErrorKind;

use super::*;

/// Two tenants with one user each: `anna` in `a`, `ben` in `b`.
async fn two_tenants() -> (MysqlDatabase, MySqlPool) {
    let (database, pool) = migrated().await;
    execute(
        &pool,
        "INSERT INTO tenants (id, created_at, updated_at) VALUES ('a', NOW(6), NOW(6)), ('b', NOW(6), NOW(6));
         INSERT INTO users (id, tenant_id, email, email_key, created_at, updated_at) VALUES
             ('anna', 'a', 'x@example.com', 'x@example.com', NOW(6), NOW(6)),
             ('ben', 'b', 'x@example.com', 'x@example.com', NOW(6), NOW(6));",
    )
    .await;
    (database, pool)
}

/// The tenant, then the user.
const CHILDREN: [&str; 4] = [
    "INSERT INTO sessions (tenant_id, user_id, token_digest, created_at, updated_at, expires_at) \
     VALUES (?, ?, REPEAT(CHAR(0), 32), NOW(6), NOW(6), NOW(6))",
    "INSERT INTO oauth_accounts (tenant_id, user_id, provider, subject, created_at, updated_at) \
     VALUES (?, ?, 'google', '1', NOW(6), NOW(6))",
    "INSERT INTO passkeys (tenant_id, user_id, credential_id, public_key, created_at, updated_at) \
     VALUES (?, ?, X'01', X'02', NOW(6), NOW(6))",
    "INSERT INTO secure_tokens (tenant_id, user_id, token_digest, purpose, expires_at, created_at, updated_at) \
     VALUES (?, ?, REPEAT(CHAR(0), 32), 'magic_link', NOW(6), NOW(6), NOW(6))",
];

/// The tenant, then anything.
const OTHERS: [&str; 5] = [
    "INSERT INTO users (tenant_id, id, email, email_key, created_at, updated_at) \
     VALUES (?, CONCAT(?, '2'), 'y', 'y', NOW(6), NOW(6))",
    "INSERT INTO oauth_states (tenant_id, pkce_verifier, state_digest, created_at, expires_at) \
     VALUES (?, ?, REPEAT(CHAR(0), 32), NOW(6), NOW(6))",
    "INSERT INTO passkey_challenges (tenant_id, challenge, challenge_id, created_at, expires_at) \
     VALUES (?, ?, REPEAT(CHAR(0), 32), NOW(6), NOW(6))",
    "INSERT INTO lockouts (tenant_id, email_key, failures, window_started_at) VALUES (?, ?, 1, NOW(6))",
    "INSERT INTO failed_login_attempts (tenant_id, email, attempted_at) VALUES (?, ?, NOW(6))",
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
    let moved = "UPDATE users SET tenant_id = ?, email_key = 'free' WHERE id = ?";
    for child in CHILDREN {
        assert_eq!(refused(&pool, child, "a", "anna").await, None);
        assert_eq!(refused(&pool, moved, "b", "anna").await, Some(ErrorKind::ForeignKeyViolation), "{child}");
        execute(&pool, "DELETE FROM sessions").await;
        execute(&pool, "DELETE FROM oauth_accounts").await;
        execute(&pool, "DELETE FROM passkeys").await;
        execute(&pool, "DELETE FROM secure_tokens").await;
    }
    assert_eq!(refused(&pool, moved, "b", "anna").await, None);
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
        "SELECT GROUP_CONCAT(user_id) FROM sessions",
        "SELECT GROUP_CONCAT(user_id) FROM oauth_accounts",
        "SELECT GROUP_CONCAT(user_id) FROM passkeys",
        "SELECT GROUP_CONCAT(user_id) FROM secure_tokens",
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
        "SELECT GROUP_CONCAT(DISTINCT tenant_id) FROM users",
        "SELECT GROUP_CONCAT(DISTINCT tenant_id) FROM sessions",
        "SELECT GROUP_CONCAT(DISTINCT tenant_id) FROM oauth_accounts",
        "SELECT GROUP_CONCAT(DISTINCT tenant_id) FROM oauth_states",
        "SELECT GROUP_CONCAT(DISTINCT tenant_id) FROM passkeys",
        "SELECT GROUP_CONCAT(DISTINCT tenant_id) FROM passkey_challenges",
        "SELECT GROUP_CONCAT(DISTINCT tenant_id) FROM secure_tokens",
        "SELECT GROUP_CONCAT(DISTINCT tenant_id) FROM lockouts",
        "SELECT GROUP_CONCAT(DISTINCT tenant_id) FROM failed_login_attempts",
    ] {
        assert_eq!(sqlx::query_scalar::<_, String>(tables).fetch_one(&pool).await.unwrap(), "b", "{tables}");
    }
}

#[tokio::test]
async fn an_address_is_one_user_per_tenant() {
    let (_database, pool) = two_tenants().await;
    let again = "INSERT INTO users (tenant_id, id, email, email_key, created_at, updated_at) \
                 VALUES (?, ?, 'X@example.com', 'x@example.com', NOW(6), NOW(6))";
    assert_eq!(refused(&pool, again, "a", "other").await, Some(ErrorKind::UniqueViolation));
    assert_eq!(refused(&pool, again, "default", "other").await, None);
    // An id is nobody else's, in no tenant: applications refer to it alone.
    let same_id = "INSERT INTO users (tenant_id, id, email, email_key, created_at, updated_at) \
                   VALUES (?, ?, 'z', 'z', NOW(6), NOW(6))";
    assert_eq!(refused(&pool, same_id, "b", "anna").await, Some(ErrorKind::UniqueViolation));
}

const NEW_TENANT: &str = "INSERT INTO tenants (id, name, created_at, updated_at) VALUES (?, ?, NOW(6), NOW(6))";

#[tokio::test]
async fn invalid_tenant_ids_are_refused() {
    let (_database, pool) = two_tenants().await;
    let long = "a".repeat(64);
    for valid in ["acme-corp", "ACME_corp", "0", "-", long.as_str()] {
        assert_eq!(refused(&pool, NEW_TENANT, valid, "").await, None, "{valid:?}");
    }
    for invalid in [
        "",
        "acme\n",
        "\nacme",
        "acme\n\n",
        "acme\r\n",
        "acme ",
        " ",
        "acme corp",
        "acme.corp",
        "a/b",
        "a'b",
        "a*",
        "a\\",
        "[a]",
        "^",
        "%",
        "acme\0",
        "\0",
        "acme\0x",
        "\0acme",
        "acme\t",
    ] {
        assert_eq!(refused(&pool, NEW_TENANT, invalid, "").await, Some(ErrorKind::CheckViolation), "{invalid:?}");
    }
    // Refused by the types: what is too long, and what is no ASCII.
    for invalid in ["a".repeat(65), format!("{long}\n"), "acmé".to_owned(), "ａcme".to_owned()] {
        assert!(refused(&pool, NEW_TENANT, &invalid, "").await.is_some(), "{invalid:?}");
    }
    assert_eq!(count(&pool, "SELECT COUNT(*) FROM tenants WHERE id REGEXP '[^A-Za-z0-9_-]' OR id = ''").await, 0);
}

/// Where the session forgives, a wrong character becomes a question mark, which is none of a tenant's.
#[tokio::test]
async fn invalid_tenant_ids_are_refused_where_the_session_is_not_strict() {
    let (database, _pool) = two_tenants().await;
    let lax = pool(database.options().timezone("+00:00', sql_mode = '".to_owned()));
    for invalid in ["", "acme\n", "acme ", "acmé", "ａcme", "acme\0"] {
        assert_eq!(refused(&lax, NEW_TENANT, invalid, "").await, Some(ErrorKind::CheckViolation), "{invalid:?}");
    }
}

/// With most collations these are the same.
#[tokio::test]
async fn ids_that_differ_by_case_or_by_a_space_never_meet() {
    let (_database, pool) = two_tenants().await;
    for id in ["acme", "Acme", "ACME"] {
        assert_eq!(refused(&pool, NEW_TENANT, id, "").await, None, "{id}");
        for table in OTHERS {
            assert_eq!(refused(&pool, table, id, id).await, None, "{id}: {table}");
        }
    }
    for (tenant, own) in [("acme", 1_i64), ("Acme", 1), ("aCme", 0)] {
        for table in [
            "SELECT COUNT(*) FROM tenants WHERE id = ?",
            "SELECT COUNT(*) FROM users WHERE tenant_id = ?",
            "SELECT COUNT(*) FROM lockouts WHERE tenant_id = ?",
            "SELECT COUNT(*) FROM failed_login_attempts WHERE tenant_id = ?",
        ] {
            let found: i64 = sqlx::query_scalar(table).bind(tenant).fetch_one(&pool).await.unwrap();
            assert_eq!(found, own, "{tenant}: {table}");
        }
    }
    // In the comparison of keys 'acme ' is 'acme'; so it is refused wherever it could be written.
    for table in OTHERS {
        assert_eq!(refused(&pool, table, "acme ", "other").await, Some(ErrorKind::CheckViolation), "{table}");
    }
    for child in CHILDREN {
        assert_eq!(refused(&pool, child, "a ", "anna").await, Some(ErrorKind::CheckViolation), "{child}");
    }
}

#[tokio::test]
async fn malformed_values_are_refused() {
    let (_database, pool) = two_tenants().await;
    for (sql, value) in [
        ("INSERT INTO tenants (id, status, created_at, updated_at) VALUES (CONCAT(?, '2'), ?, NOW(6), NOW(6))", "gone"),
        (
            "INSERT INTO tenants (id, status, created_at, updated_at) VALUES (CONCAT(?, '2'), ?, NOW(6), NOW(6))",
            "active ",
        ),
        (
            "INSERT INTO secure_tokens (tenant_id, token_digest, user_id, purpose, expires_at, created_at, updated_at) \
             VALUES (?, REPEAT(CHAR(0), 32), 'anna', ?, NOW(6), NOW(6), NOW(6))",
            "other",
        ),
        (
            "INSERT INTO passkeys (tenant_id, credential_id, user_id, public_key, sign_count, created_at, updated_at) \
             VALUES (?, X'01', 'anna', ?, -1, NOW(6), NOW(6))",
            "key",
        ),
        (
            "INSERT INTO lockouts (tenant_id, email_key, failures, window_started_at) VALUES (?, ?, -1, NOW(6))",
            "x@example.com",
        ),
    ] {
        assert_eq!(refused(&pool, sql, "a", value).await, Some(ErrorKind::CheckViolation), "{sql}");
    }
    for (sql, value) in [
        ("INSERT INTO tenants (id, settings, created_at, updated_at) VALUES (CONCAT(?, '2'), ?, NOW(6), NOW(6))", "{"),
        (
            "INSERT INTO oauth_states (tenant_id, pkce_verifier, state_digest, created_at, expires_at) \
             VALUES (?, ?, REPEAT(CHAR(0), 33), NOW(6), NOW(6))",
            "too long",
        ),
    ] {
        assert!(refused(&pool, sql, "a", value).await.is_some(), "{sql}");
    }
}
