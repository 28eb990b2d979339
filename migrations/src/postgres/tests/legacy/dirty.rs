//! Rows that are not simply taken over.

use super::*;
use crate::Handling;

fn findings(adoption: &Adoption) -> Vec<String> {
    let mut findings: Vec<String> = adoption.findings.iter().map(ToString::to_string).collect();
    findings.sort();
    findings
}

#[tokio::test]
async fn addresses_that_differ_in_spelling_are_kept_apart() {
    let (_database, pool) = old(
        V053,
        "INSERT INTO users (id, email, created_at) VALUES ('usr_old', 'ADA@example.com', '2000-01-01'),
             ('usr_new', 'ada@EXAMPLE.com', '2036-01-01')",
    )
    .await;
    let adoption = adopt(&pool).await;
    assert_eq!(
        findings(&adoption),
        [
            "users usr_ada: the same address as usr_old, spelled differently",
            "users usr_new: the same address as usr_old, spelled differently"
        ]
    );
    let keys = "SELECT string_agg(email_key, ' ' ORDER BY id) FROM users WHERE lower(email) = 'ada@example.com'";
    assert_eq!(text(&pool, keys).await, "=ada@example.com =ada@EXAMPLE.com ada@example.com");
}

#[tokio::test]
async fn duplicates_and_orphans_are_set_aside_and_named() {
    let (_database, pool) = old(
        LATER_SEAORM,
        "INSERT INTO oauth_accounts (id, user_id, provider, subject) VALUES
             (101, 'usr_2JtdHHdvbKLZUB5Tv', 'google', '1084d'), (103, 'usr_gone', 'google', 'x');
         INSERT INTO pkce_verifiers (id, csrf_state, verifier, expires_at) VALUES (11, 'stated', 'newer', '2036-11-20');
         INSERT INTO passkeys (id, user_id, credential_id, data_json) VALUES (21, 'usr_2JtdHHdvbKLZUB5Tv', 'AQID-v8ABw', '{}');
         INSERT INTO sessions (id, user_id, token, expires_at) VALUES (31, 'usr_gone', 'token', '2036-01-01'),
             (32, 'usr_2JtdHHdvbKLZUB5Tv', 'clear', '2036-01-01');
         UPDATE secure_tokens SET purpose = 'invitation' WHERE id = 1",
    )
    .await;
    let adoption = adopt(&pool).await;
    assert_eq!(
        findings(&adoption),
        [
            "oauth_accounts 101: the same as 1",
            "oauth_accounts 103: its user usr_gone does not exist",
            "passkeys 21: the same as 1",
            "pkce_verifiers 1: the same as 11",
            "secure_tokens 1: unknown purpose invitation",
            "sessions 31: its user usr_gone does not exist",
            "sessions 32: a token in clear that a later version no longer accepted",
        ]
    );
    assert_eq!(adoption.set_aside(), 7);
    assert_eq!(text(&pool, "SELECT user_id FROM oauth_accounts WHERE subject = '1084d'").await, "usr_FmCSe8xeSt6gze6K");
    assert_eq!(text(&pool, "SELECT pkce_verifier FROM oauth_states").await, "newer");
    assert_eq!(count(&pool, "SELECT count(*) FROM _torii_backup_oauth_accounts WHERE id > 100").await, 2);
}

#[tokio::test]
async fn what_cannot_be_answered_for_is_refused_before_anything_is_changed() {
    let (_database, pool) = old(
        V053,
        "INSERT INTO users (id, email, created_at) VALUES ('usr_x', '=ada@example.com', '2000-01-01'),
             ('usr_y', 'ADA@example.com', '1999-01-01')",
    )
    .await;
    let before = everything(&pool).await;
    let error = migrate(&pool, &Noon).await.unwrap_err();
    let MigrationError::DirtyData { findings, count: 1 } = &error else { panic!("{error:?}") };
    let what = "users usr_ada: its address cannot be told from that of usr_y";
    assert_eq!(findings.iter().map(ToString::to_string).collect::<Vec<_>>(), [what]);
    assert_eq!(everything(&pool).await, before);
    let plan = plan(&pool, &MigrateOptions::new()).await.unwrap();
    assert!(plan.findings.iter().any(|finding| finding.handling == Handling::Refused && finding.to_string() == what));
}
