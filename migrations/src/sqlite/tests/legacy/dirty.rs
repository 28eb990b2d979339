//! Rows that are not simply taken over.

use super::*;
use crate::{Handling, Problem};

async fn findings(adoption: &Adoption) -> Vec<String> {
    let mut findings: Vec<String> = adoption.findings.iter().map(ToString::to_string).collect();
    findings.sort();
    findings
}

#[tokio::test]
async fn addresses_that_differ_in_spelling_are_kept_apart() {
    let (_scratch, pool) = old(
        V053,
        "INSERT INTO users (id, email, created_at) VALUES ('usr_old', 'ADAF@example.com', 1), ('usr_new', 'adaf@EXAMPLE.com', 1999999999)",
    )
    .await;
    let adoption = adopt(&pool).await;
    assert_eq!(adoption.set_aside(), 0);
    assert_eq!(
        findings(&adoption).await,
        [
            "users usr_PGgSut82MQ8WxbDg: the same address as usr_old, spelled differently",
            "users usr_new: the same address as usr_old, spelled differently"
        ]
    );
    assert!(adoption.findings.iter().all(|finding| finding.handling == Handling::Adopted));
    let keys = "SELECT group_concat(email_key, ' ') FROM (SELECT email_key FROM users \
        WHERE lower(email) = 'adaf@example.com' ORDER BY id)";
    assert_eq!(text(&pool, keys).await, "=adaf@example.com =adaf@EXAMPLE.com adaf@example.com");
}

/// The log of wrong passwords goes by the same keys.
#[tokio::test]
async fn wrong_passwords_count_for_whom_they_were_tried() {
    let (_scratch, pool) = old(
        LATER,
        "INSERT INTO users (id, email, created_at) VALUES ('usr_new', 'ADAa@example.com', 1999999999);
         INSERT INTO failed_login_attempts (email, attempted_at)
             VALUES ('ADAa@example.com', 1700000000), ('adaA@example.com', 1700000000)",
    )
    .await;
    adopt(&pool).await;
    let of = "SELECT group_concat(email, ' ') FROM (SELECT DISTINCT email FROM failed_login_attempts ORDER BY 1)";
    assert_eq!(text(&pool, of).await, "=ADAa@example.com adaa@example.com mixed.case+taga@example.com");
    // Noon is long before the fixture's own attempts, and seconds after these.
    assert_eq!(count(&pool, "SELECT failures FROM lockouts WHERE email_key = '=ADAa@example.com'").await, 1);
    assert_eq!(count(&pool, "SELECT failures FROM lockouts WHERE email_key = 'adaa@example.com'").await, 1);
}

#[tokio::test]
async fn duplicates_and_orphans_are_set_aside_and_named() {
    let (_scratch, pool) = old(
        V053_SEAORM,
        "INSERT INTO oauth_accounts (id, user_id, provider, subject) VALUES
             (101, 'usr_2c25YSTKgEfFiBg7N', 'google', '1084g'), (102, 'usr_jtCuk7DsDxi1Pe1B', 'google', '1084g'),
             (103, 'usr_gone', 'google', 'x');
         INSERT INTO pkce_verifiers (id, csrf_state, verifier, expires_at) VALUES (11, 'stateg', 'newer', '2036-11-20');
         INSERT INTO passkeys (id, user_id, credential_id, data_json) VALUES (21, 'usr_2c25YSTKgEfFiBg7N', 'AQID-v8ABw', '{}');
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
    assert_eq!(text(&pool, "SELECT user_id FROM oauth_accounts WHERE subject = '1084g'").await, "usr_jtCuk7DsDxi1Pe1B");
    assert_eq!(text(&pool, "SELECT pkce_verifier FROM oauth_states").await, "newer");
    assert_eq!(count(&pool, "SELECT count(*) FROM _torii_backup_oauth_accounts WHERE id > 100").await, 3);
    assert_eq!(count(&pool, "SELECT count(*) FROM pragma_foreign_key_check").await, 0);
}

#[tokio::test]
async fn tokens_that_a_later_version_no_longer_accepted_are_set_aside() {
    let (_scratch, pool) = old(
        LATER,
        "INSERT INTO sessions (id, token, user_id, expires_at) VALUES
             (91, 'WI6sBrqwh2zkVBU6Zyd2_bjwoS5TmtHifgng-CbYpks', 'usr_3oMo1ZLH2YUgpd12x', 2082758400),
             (92, 'D3A8BBE32334C59604BF8F9C0771AC5FE36A93D480F132705B4581163683EA6B', 'usr_3oMo1ZLH2YUgpd12x', 2082758400)",
    )
    .await;
    let adoption = adopt(&pool).await;
    assert!(
        adoption.findings.iter().all(|finding| finding.problem == Problem::LeftoverToken),
        "{:?}",
        adoption.findings
    );
    assert_eq!((adoption.set_aside(), adoption.findings.len()), (2, 2));
    assert_eq!(count(&pool, "SELECT count(*) FROM sessions").await, 6);
}

#[tokio::test]
async fn unreadable_rows_of_no_weight_are_set_aside() {
    let (_scratch, pool) = old(
        V053_SEAORM,
        "UPDATE sessions SET expires_at = 'tomorrow' WHERE id = 1;
         UPDATE sessions SET user_agent = x'FFFE' WHERE id = 2;
         UPDATE secure_tokens SET purpose = 'invitation' WHERE id = 1",
    )
    .await;
    let adoption = adopt(&pool).await;
    assert_eq!(
        findings(&adoption).await,
        [
            "secure_tokens 1: unknown purpose invitation",
            "sessions 1: expires_at cannot be read: tomorrow",
            "sessions 2: user_agent cannot be read",
        ]
    );
    assert_eq!(adoption.set_aside(), 3);
}

#[tokio::test]
async fn unreadable_rows_of_weight_are_refused_before_anything_is_changed() {
    for (more, what) in [
        ("UPDATE users SET created_at = 'once' WHERE name = 'OA 0'", "users usr_uyhRm5W8fraNN1B7: created_at cannot be read: once"),
        ("UPDATE users SET email = x'FF' WHERE name = 'OA 0'", "users usr_uyhRm5W8fraNN1B7: email cannot be read"),
        ("UPDATE oauth_accounts SET updated_at = '2026-02-30' WHERE id = 3", "oauth_accounts 3: updated_at cannot be read: 2026-02-30"),
        (
            "INSERT INTO users (id, email, created_at) VALUES ('usr_x', '=ADAG@example.com', '2000-01-01'), ('usr_y', 'ADAG@example.com', '2030-01-01');
             UPDATE users SET email = '=adag@example.com' WHERE id = 'usr_x'; UPDATE users SET created_at = '2031-01-01' WHERE email = 'adag@example.com'",
            "users usr_jtCuk7DsDxi1Pe1B: its address cannot be told from that of usr_y",
        ),
    ] {
        let (_scratch, pool) = old(V053_SEAORM, more).await;
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
    let (_scratch, pool) = old(
        V053_SEAORM,
        "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 2500)
         INSERT INTO sessions (user_id, token, expires_at) SELECT 'usr_gone', 't' || n, '2036-01-01' FROM n",
    )
    .await;
    let adoption = adopt(&pool).await;
    assert_eq!((adoption.findings.len(), adoption.set_aside()), (100, 2500));
}
