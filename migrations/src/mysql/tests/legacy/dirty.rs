//! Rows that are not simply taken over.

use super::*;
use crate::{Handling, Problem};

async fn findings(adoption: &Adoption) -> Vec<String> {
    let mut findings: Vec<String> = adoption.findings.iter().map(ToString::to_string).collect();
    findings.sort();
    findings
}

/// Old collations had no regard to case; what differed in spelling alone was refused, unless the collation was a binary one or the
/// difference is one that no collation overlooks.
#[tokio::test]
async fn addresses_that_differ_in_spelling_are_kept_apart() {
    let (_database, pool) = old(
        &V053.replace("utf8mb4_general_ci", "utf8mb4_bin"),
        "INSERT INTO users (id, email, created_at) VALUES ('usr_old', 'ADAI@example.com', '2000-01-01'), ('usr_new', 'adai@EXAMPLE.com', '2030-01-01')",
    )
    .await;
    let adoption = adopt(&pool).await;
    assert_eq!(adoption.set_aside(), 0);
    assert_eq!(
        findings(&adoption).await,
        [
            "users usr_2sfrVTFkRAMmGhBRq: the same address as usr_old, spelled differently",
            "users usr_new: the same address as usr_old, spelled differently"
        ]
    );
    assert!(adoption.findings.iter().all(|finding| finding.handling == Handling::Adopted));
    let keys =
        "SELECT GROUP_CONCAT(email_key ORDER BY id SEPARATOR ' ') FROM users WHERE LOWER(email) = 'adai@example.com'";
    assert_eq!(text(&pool, keys).await, "=adai@example.com =adai@EXAMPLE.com adai@example.com");

    let (_database, pool) = old(V053, "INSERT INTO users (id, email) VALUES ('usr_new', ' adai@example.com')").await;
    assert_eq!(
        findings(&adopt(&pool).await).await,
        ["users usr_new: the same address as usr_2sfrVTFkRAMmGhBRq, spelled differently"]
    );
}

/// The log of wrong passwords goes by the same keys.
#[tokio::test]
async fn wrong_passwords_count_for_whom_they_were_tried() {
    let (_database, pool) = old(
        &LATER.replace("utf8mb4_general_ci", "utf8mb4_bin"),
        "INSERT INTO users (id, email, created_at) VALUES ('usr_new', 'ADAe@example.com', '2030-01-01');
         SET time_zone = '+00:00';
         INSERT INTO failed_login_attempts (email, attempted_at)
             VALUES ('ADAe@example.com', '2023-11-14 22:13:20'), ('adaE@example.com', '2023-11-14 22:13:20')",
    )
    .await;
    adopt(&pool).await;
    let of = "SELECT GROUP_CONCAT(DISTINCT email ORDER BY email SEPARATOR ' ') FROM failed_login_attempts";
    assert_eq!(text(&pool, of).await, "=ADAe@example.com adae@example.com mixed.case+tage@example.com");
    // Noon is long before the fixture's own attempts, and at the same second as these.
    assert_eq!(count(&pool, "SELECT failures FROM lockouts WHERE email_key = 'mixed.case+tage@example.com'").await, 5);
    let locked = "SELECT CAST(locked_until AS CHAR) FROM lockouts WHERE locked_until IS NOT NULL";
    assert_eq!(text(&pool, locked).await, "2026-11-23 13:03:36.000000");
    assert_eq!(count(&pool, "SELECT failures FROM lockouts WHERE email_key = '=ADAe@example.com'").await, 1);
    assert_eq!(count(&pool, "SELECT failures FROM lockouts WHERE email_key = 'adae@example.com'").await, 1);
}

#[tokio::test]
async fn duplicates_and_orphans_are_set_aside_and_named() {
    let (_database, pool) = old(
        V053,
        "INSERT INTO oauth_accounts (id, user_id, provider, subject) VALUES
             (101, 'usr_2vuHQgcXzGoMWeLqo', 'google', '1084i'), (102, 'usr_2sfrVTFkRAMmGhBRq', 'google', '1084i'),
             (103, 'usr_gone', 'google', 'x'), (104, 'usr_2vuHQgcXzGoMWeLqo', 'google', '1084I');
         INSERT INTO pkce_verifiers (id, csrf_state, verifier, expires_at) VALUES (11, 'statei', 'newer', '2036-11-20');
         INSERT INTO passkeys (id, user_id, credential_id, data_json) VALUES (21, 'usr_2vuHQgcXzGoMWeLqo', 'AQID-v8ABw', '{}');
         INSERT INTO sessions (id, user_id, token, expires_at) VALUES (31, 'usr_gone', 'token', '2036-01-01')",
    )
    .await;
    let adoption = adopt(&pool).await;
    assert_eq!(
        findings(&adoption).await,
        [
            "oauth_accounts 101: the same as 1",
            "oauth_accounts 102: the same as 1",
            "oauth_accounts 103: its user usr_gone does not exist",
            "passkeys 21: the same as 1",
            "pkce_verifiers 1: the same as 11",
            "sessions 31: its user usr_gone does not exist",
        ]
    );
    assert_eq!(adoption.set_aside(), 6);
    assert_eq!(text(&pool, "SELECT user_id FROM oauth_accounts WHERE subject = '1084i'").await, ADA);
    assert_eq!(count(&pool, "SELECT COUNT(*) FROM oauth_accounts WHERE subject = '1084I'").await, 1);
    assert_eq!(text(&pool, "SELECT pkce_verifier FROM oauth_states").await, "newer");
    assert_eq!(count(&pool, "SELECT COUNT(*) FROM _torii_backup_oauth_accounts WHERE id > 100").await, 4);
}

#[tokio::test]
async fn tokens_that_a_later_version_no_longer_accepted_are_set_aside() {
    let (_database, pool) = old(
        LATER,
        "INSERT INTO sessions (id, token, user_id, expires_at) VALUES
             (91, 'WI6sBrqwh2zkVBU6Zyd2_bjwoS5TmtHifgng-CbYpks', 'usr_32PHJ9KNyNFzzH4WS', '2036-01-01'),
             (92, 'D3A8BBE32334C59604BF8F9C0771AC5FE36A93D480F132705B4581163683EA6B', 'usr_32PHJ9KNyNFzzH4WS', '2036-01-01')",
    )
    .await;
    let adoption = adopt(&pool).await;
    assert!(
        adoption.findings.iter().all(|finding| finding.problem == Problem::LeftoverToken),
        "{:?}",
        adoption.findings
    );
    assert_eq!((adoption.set_aside(), adoption.findings.len()), (2, 2));
    assert_eq!(count(&pool, "SELECT COUNT(*) FROM sessions").await, 7);
}

#[tokio::test]
async fn unreadable_rows_of_no_weight_are_set_aside() {
    let (_database, pool) = old(
        V053,
        "SET sql_mode = '';
         UPDATE sessions SET expires_at = '0000-00-00' WHERE id = 1;
         ALTER TABLE sessions MODIFY user_agent VARBINARY(255); UPDATE sessions SET user_agent = x'FFFE' WHERE id = 2;
         UPDATE secure_tokens SET purpose = 'invitation' WHERE id = 1",
    )
    .await;
    let adoption = adopt(&pool).await;
    assert_eq!(
        findings(&adoption).await,
        [
            "secure_tokens 1: unknown purpose invitation",
            "sessions 1: expires_at cannot be read: 0000-00-00 00:00:00",
            "sessions 2: user_agent cannot be read",
        ]
    );
    assert_eq!(adoption.set_aside(), 3);
}

#[tokio::test]
async fn unreadable_rows_of_weight_are_refused_before_anything_is_changed() {
    for (more, what) in [
        (
            "SET sql_mode = ''; UPDATE users SET created_at = '0000-00-00' WHERE name = 'OA 0'",
            "users usr_5Q383apx2eSdRaATH: created_at cannot be read: 0000-00-00 00:00:00",
        ),
        (
            "ALTER TABLE users MODIFY email VARBINARY(255); UPDATE users SET email = x'FF' WHERE name = 'OA 0'",
            "users usr_5Q383apx2eSdRaATH: email cannot be read",
        ),
        (
            "SET sql_mode = ''; UPDATE oauth_accounts SET updated_at = '0000-00-00' WHERE id = 3",
            "oauth_accounts 3: updated_at cannot be read: 0000-00-00 00:00:00",
        ),
        (
            "ALTER TABLE users MODIFY email VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL;
             INSERT INTO users (id, email, created_at) VALUES ('usr_x', '=ADAI@example.com', '2000-01-01'), ('usr_y', 'ADAI@example.com', '2030-01-01');
             UPDATE users SET email = '=adai@example.com' WHERE id = 'usr_x'; UPDATE users SET created_at = '2031-01-01' WHERE email = 'adai@example.com'",
            "users usr_2sfrVTFkRAMmGhBRq: its address cannot be told from that of usr_y",
        ),
    ] {
        let (_database, pool) = old(V053, more).await;
        let before = dump(&pool).await;
        let error = migrate(&pool, &Noon).await.unwrap_err();
        let MigrationError::DirtyData { findings, count: 1 } = &error else { panic!("{error:?}") };
        assert_eq!(findings.iter().map(ToString::to_string).collect::<Vec<_>>(), [what]);
        assert!(error.to_string().contains(what) && error.to_string().contains("nothing was changed"), "{error}");
        assert_eq!(dump(&pool).await, before);
        // It is known beforehand.
        let plan = plan(&pool, &MigrateOptions::new()).await.unwrap();
        assert!(plan.findings.iter().any(|finding| finding.handling == Handling::Refused && finding.to_string() == what));
    }
}

/// Findings are counted beyond what is listed.
#[tokio::test]
async fn many_findings_are_counted() {
    let (_database, pool) = old(
        V053,
        "SET SESSION max_recursive_iterations = 100000;
         INSERT INTO sessions (user_id, token, expires_at) WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 2500)
             SELECT 'usr_gone', CONCAT('t', n), '2036-01-01' FROM n",
    )
    .await;
    let adoption = adopt(&pool).await;
    assert_eq!((adoption.findings.len(), adoption.set_aside()), (100, 2500));
}
