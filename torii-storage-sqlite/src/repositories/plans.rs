//! No statement on the path of a request reads a whole table, however few rows the planner believes there are.

use sqlx::{QueryBuilder, Row, Sqlite};

use super::{lockout, metadata, oauth, passkey, password, session, tenant, token, user};
use crate::{SqliteStorage, cleanup};

const STATEMENTS: &[&str] = &[
    user::INSERT,
    user::ENSURE_TENANT_AND_FIND,
    user::FIND_BY_ID,
    user::FIND_BY_EMAIL,
    user::DELETE_TOKENS_OF_OLD_ADDRESS,
    user::UPDATE,
    user::DELETE,
    user::MARK_EMAIL_VERIFIED,
    user::PAGE,
    metadata::FIND,
    metadata::SET,
    metadata::BATCH_WITH_METADATA,
    session::INSERT,
    session::FIND_BY_TOKEN,
    session::FIND_WITH_USER,
    session::DELETE,
    session::DELETE_BY_USER,
    session::FIND_BY_USER,
    session::REFRESH,
    lockout::RESERVE,
    lockout::FIND,
    lockout::DELETE,
    lockout::INSERT_LOG,
    lockout::LOG_STATS,
    lockout::DELETE_LOG,
    password::FIND_BY_EMAIL,
    password::FIND_BY_ID,
    password::CHANGE,
    password::DELETE_RESET_TOKENS,
    password::CONSUME_RESET_TOKENS,
    password::RESET_HASH,
    password::DELETE_LOCKOUT_OF_USER,
    password::DELETE_LOG_OF_USER,
    token::ISSUE_FOR_EMAIL,
    token::ISSUE_FOR_USER,
    token::DELETE_OLDER,
    token::CONSUME,
    token::CONSUME_MAGIC_LINK,
    token::CHECK,
    token::VERIFY_OWNER,
    token::MARK_OWNER_VERIFIED,
    oauth::INSERT,
    oauth::FIND_USER,
    oauth::FIND_ACCOUNT,
    oauth::FIND_ACCOUNTS,
    oauth::DELETE,
    oauth::DELETE_UNLESS_LAST,
    oauth::STORE_STATE,
    oauth::FIND_STATE,
    oauth::TAKE_STATE,
    oauth::DELETE_STATE,
    passkey::INSERT,
    passkey::FIND,
    passkey::FIND_BY_USER,
    passkey::RECORD_USE,
    passkey::DELETE,
    passkey::DELETE_BY_USER,
    passkey::STORE_CHALLENGE,
    passkey::FIND_CHALLENGE,
    passkey::TAKE_CHALLENGE,
    tenant::FIND,
    tenant::PAGE,
    cleanup::SESSIONS.this_tenant,
    cleanup::SESSIONS.all_tenants,
    cleanup::SECURE_TOKENS.this_tenant,
    cleanup::SECURE_TOKENS.all_tenants,
    cleanup::OAUTH_STATES.this_tenant,
    cleanup::OAUTH_STATES.all_tenants,
    cleanup::PASSKEY_CHALLENGES.this_tenant,
    cleanup::PASSKEY_CHALLENGES.all_tenants,
    cleanup::DELETE_ATTEMPTS,
    cleanup::DELETE_LOCKOUTS,
];

#[tokio::test]
async fn every_statement_searches_by_key() {
    let storage = SqliteStorage::connect("sqlite::memory:").await.unwrap();
    storage.migrate().await.unwrap();
    let provider = storage.into_repository_provider();
    let mut scans = Vec::new();
    for statement in STATEMENTS {
        let mut explain = QueryBuilder::<Sqlite>::new("EXPLAIN QUERY PLAN ");
        explain.push(statement);
        for row in explain.build().fetch_all(provider.pool()).await.unwrap() {
            let step: String = row.get("detail");
            let harmless = ["SCAN CONSTANT ROW", "SCAN (subquery-1)"].contains(&step.as_str())
                || step.starts_with("SCAN json_each ");
            if step.starts_with("SCAN") && !harmless {
                scans.push(format!("{step}: {statement}"));
            }
        }
    }
    assert!(scans.is_empty(), "{scans:#?}");
}
