//! The schema's history on SQLite. Append only: every step is in somebody's database.

use chrono::{DateTime, Utc};
use sqlx::SqliteConnection;
use torii_core::TenantId;

use crate::step::{Body, Check, RunFuture, Step};

pub(super) const STEPS: &[Step<SqliteConnection>] = &[
    Step {
        version: 1,
        name: "initial",
        body: Body::InTransaction(include_str!("../../sql/sqlite/0001_initial.sql")),
        checks: &[],
    },
    // Not SQL alone: the time of the row comes from the clock.
    Step {
        version: 2,
        name: "default_tenant",
        body: Body::Rust { text: INSERT_DEFAULT_TENANT, run: insert_default_tenant },
        checks: &[Check {
            what: "the tenant 'default' is missing",
            query: "SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM tenants WHERE id = 'default')",
        }],
    },
];

const INSERT_DEFAULT_TENANT: &str = "INSERT INTO tenants (id, created_at, updated_at) VALUES (?1, ?2, ?2) \
     ON CONFLICT (id) DO NOTHING";

pub(super) fn insert_default_tenant(connection: &mut SqliteConnection, now: DateTime<Utc>) -> RunFuture<'_> {
    Box::pin(async move {
        sqlx::query(INSERT_DEFAULT_TENANT)
            .bind(TenantId::default_tenant().as_str())
            .bind(now)
            .execute(connection)
            .await?;
        Ok(())
    })
}
