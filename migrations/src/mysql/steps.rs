//! The schema's history on MySQL and MariaDB. Append only: every step is in somebody's database.

use chrono::{DateTime, Utc};
use sqlx::{MySql, MySqlConnection, mysql::MySqlArguments, query::Query};
use torii_core::TenantId;

use crate::step::{Body, Check, RunFuture, Step};

pub(super) const STEPS: &[Step<MySqlConnection>] = &[
    Step {
        version: 1,
        name: "initial",
        body: Body::OutsideTransaction(include_str!("../../sql/mysql/0001_initial.sql")),
        // A server can be told to put another engine in the place of the one that was asked for, which then reads keys and
        // checks and forgets them.
        checks: &[
            Check {
                what: "a table is not kept by InnoDB",
                query: "SELECT 1 FROM information_schema.tables WHERE table_schema = DATABASE() \
                    AND table_name IN ('tenants', 'users', 'sessions', 'oauth_accounts', 'oauth_states', 'passkeys', \
                        'passkey_challenges', 'secure_tokens', 'lockouts', 'failed_login_attempts') \
                    AND (engine IS NULL OR engine <> 'InnoDB') LIMIT 1",
            },
            Check {
                what: "a foreign key is missing",
                query: "SELECT 1 FROM DUAL WHERE 13 <> (SELECT COUNT(*) FROM information_schema.referential_constraints \
                    WHERE constraint_schema = DATABASE() AND delete_rule = 'CASCADE' AND constraint_name IN ( \
                        'users_tenant_fkey', 'sessions_tenant_fkey', 'sessions_user_fkey', 'oauth_accounts_tenant_fkey', \
                        'oauth_accounts_user_fkey', 'oauth_states_tenant_fkey', 'passkeys_tenant_fkey', \
                        'passkeys_user_fkey', 'passkey_challenges_tenant_fkey', 'secure_tokens_tenant_fkey', \
                        'secure_tokens_user_fkey', 'lockouts_tenant_fkey', 'failed_login_attempts_tenant_fkey'))",
            },
            Check {
                what: "the server does not keep CHECK constraints",
                query: "SELECT 1 FROM DUAL WHERE 10 <> (SELECT COUNT(*) FROM information_schema.check_constraints \
                    WHERE constraint_schema = DATABASE() AND constraint_name IN ('tenants_id_valid', \
                        'users_tenant_valid', 'sessions_tenant_valid', 'oauth_accounts_tenant_valid', \
                        'oauth_states_tenant_valid', 'passkeys_tenant_valid', 'passkey_challenges_tenant_valid', \
                        'secure_tokens_tenant_valid', 'lockouts_tenant_valid', 'failed_login_attempts_tenant_valid'))",
            },
        ],
    },
    // Not SQL alone: the time of the row comes from the clock.
    Step {
        version: 2,
        name: "default_tenant",
        body: Body::Rust { text: INSERT_DEFAULT_TENANT, run: insert_default_tenant },
        checks: &[Check {
            what: "the tenant 'default' is missing",
            query: "SELECT 1 FROM DUAL WHERE NOT EXISTS (SELECT 1 FROM tenants WHERE id = 'default')",
        }],
    },
];

pub(super) const INSERT_DEFAULT_TENANT: &str =
    "INSERT INTO tenants (id, created_at, updated_at) VALUES (?, ?, ?) ON DUPLICATE KEY UPDATE id = id";

fn insert_default_tenant(connection: &mut MySqlConnection, now: DateTime<Utc>) -> RunFuture<'_> {
    Box::pin(async move {
        bind_default_tenant(sqlx::query(INSERT_DEFAULT_TENANT), now).execute(connection).await?;
        Ok(())
    })
}

/// Binds the values of [`INSERT_DEFAULT_TENANT`].
pub(super) fn bind_default_tenant(
    insert: Query<'static, MySql, MySqlArguments>,
    now: DateTime<Utc>,
) -> Query<'static, MySql, MySqlArguments> {
    insert.bind(TenantId::default_tenant().as_str().to_owned()).bind(now.naive_utc()).bind(now.naive_utc())
}
