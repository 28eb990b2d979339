//! What is made beside the older version, before its tables are exchanged.

use chrono::{DateTime, Utc};

use super::{
    rows::NEW,
    work::{Work, failed, quoted},
};
use crate::{
    PlannedStep, Result,
    legacy::{Legacy, NEEDED},
    postgres::{index, steps},
};

const INITIAL: &str = include_str!("../../../sql/postgres/0001_initial.sql");
const PREPARE: &str = include_str!("../../../sql/postgres/legacy/prepare.sql");

/// Makes the new columns of `users`, and begins to list what the older version changes.
pub(super) async fn columns(work: &mut Work<'_>, legacy: &Legacy) -> Result<()> {
    const STEP: &str = "add columns to users";
    if !work.finds(STEP, &here("_torii_upgrade")).await? {
        work.short(STEP, &preparation(legacy)).await?;
    }
    build(work, UNIQUE_KEYS).await
}

fn preparation(legacy: &Legacy) -> Vec<String> {
    let mut statements = split(PREPARE);
    for present in legacy.tables.iter().filter(|present| !present.table.is_users()) {
        statements.push(format!(
            "CREATE TRIGGER _torii_note_change AFTER INSERT OR UPDATE OR DELETE ON {} \
             FOR EACH ROW EXECUTE FUNCTION _torii_note_change()",
            quoted(present.table.source)
        ));
    }
    statements
}

/// An index on `users`, which may be large and is in use: name, how it is made, how it is dropped.
type UserIndex = (&'static str, &'static str, &'static str);

const UNIQUE_KEYS: UserIndex = (
    "users_tenant_email",
    "CREATE UNIQUE INDEX CONCURRENTLY users_tenant_email ON users (tenant_id, email_key)",
    "DROP INDEX CONCURRENTLY IF EXISTS users_tenant_email",
);

const UNIQUE_IDS: UserIndex = (
    "users_tenant_user",
    "CREATE UNIQUE INDEX CONCURRENTLY users_tenant_user ON users (tenant_id, id)",
    "DROP INDEX CONCURRENTLY IF EXISTS users_tenant_user",
);

const METADATA: UserIndex = (
    "users_metadata",
    "CREATE INDEX CONCURRENTLY users_metadata ON users USING gin (metadata jsonb_path_ops)",
    "DROP INDEX CONCURRENTLY IF EXISTS users_metadata",
);

async fn build(work: &mut Work<'_>, (name, create, drop): UserIndex) -> Result<()> {
    super::work::live(work.connection, work.options, name).await?;
    work.patience.renew();
    // Part of what the first step makes.
    let Some(step) = steps::STEPS.first() else { return Ok(()) };
    index::build(work.connection, step, &index::Index { name, create, drop }, &work.patience).await
}

/// What has to hold of `users`, each with a query that finds it: the long part of a check keeps nobody waiting.
const CONSTRAINTS: [(&str, &str); 5] = [
    (
        "SELECT 1 FROM pg_constraint WHERE conname = 'users_tenant_user' AND conrelid = 'users'::regclass",
        "ALTER TABLE users ADD CONSTRAINT users_tenant_user UNIQUE USING INDEX users_tenant_user",
    ),
    (
        "SELECT 1 FROM pg_constraint WHERE conname = 'users_tenant_email' AND conrelid = 'users'::regclass",
        "ALTER TABLE users ADD CONSTRAINT users_tenant_email UNIQUE USING INDEX users_tenant_email",
    ),
    (
        "SELECT 1 FROM pg_attribute WHERE attrelid = 'users'::regclass AND attname = 'email_key' AND attnotnull \
         UNION ALL SELECT 1 FROM pg_constraint WHERE conname = '_torii_has_key' AND conrelid = 'users'::regclass",
        "ALTER TABLE users ADD CONSTRAINT _torii_has_key CHECK (email_key IS NOT NULL) NOT VALID",
    ),
    (
        "SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conname = '_torii_has_key' \
             AND conrelid = 'users'::regclass AND NOT convalidated)",
        "ALTER TABLE users VALIDATE CONSTRAINT _torii_has_key",
    ),
    (
        "SELECT 1 FROM pg_attribute WHERE attrelid = 'users'::regclass AND attname = 'email_key' AND attnotnull",
        "ALTER TABLE users ALTER COLUMN email_key SET NOT NULL, DROP CONSTRAINT _torii_has_key",
    ),
];

/// Builds what has to hold of `users`.
pub(super) async fn constraints(work: &mut Work<'_>) -> Result<()> {
    const STEP: &str = "check users";
    for (index, constraint) in [(UNIQUE_IDS, true), (METADATA, false)] {
        let is_constraint = constraint && work.finds(STEP, CONSTRAINTS[0].0).await?;
        if !is_constraint {
            build(work, index).await?;
        }
    }
    ensure(work, STEP, &CONSTRAINTS).await
}

async fn ensure(work: &mut Work<'_>, step: &str, constraints: &[(&str, &str)]) -> Result<()> {
    for (holds, make) in constraints {
        if !work.finds(step, holds).await? {
            work.short(step, &[(*make).to_owned()]).await?;
        }
    }
    Ok(())
}

/// The tenant of the users.
const TENANT_KEY: [(&str, &str); 2] = [
    (
        "SELECT 1 FROM pg_constraint WHERE conname = 'users_tenant_id_fkey' AND conrelid = 'users'::regclass",
        "ALTER TABLE users ADD CONSTRAINT users_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES _torii_new_tenants (id) \
         ON DELETE CASCADE NOT VALID",
    ),
    (
        "SELECT 1 FROM pg_constraint WHERE conname = 'users_tenant_id_fkey' AND conrelid = 'users'::regclass AND convalidated",
        "ALTER TABLE users VALIDATE CONSTRAINT users_tenant_id_fkey",
    ),
];

/// Makes the tables that take the place of the old ones.
pub(super) async fn successors(work: &mut Work<'_>, now: DateTime<Utc>) -> Result<()> {
    const STEP: &str = "make the new tables";
    if !work.finds(STEP, &here("_torii_new_tenants")).await? {
        work.short(STEP, &successor_statements()).await?;
    }
    super::work::live(work.connection, work.options, STEP).await?;
    sqlx::query(
        "INSERT INTO _torii_new_tenants (id, created_at, updated_at) VALUES ('default', $1, $1) ON CONFLICT (id) DO NOTHING",
    )
    .bind(now)
    .execute(&mut *work.connection)
    .await
    .map_err(failed(STEP))?;
    ensure(work, STEP, &TENANT_KEY).await
}

/// The statements of the first step but those about `users`, under other names, with the numbers of the old rows.
fn successor_statements() -> Vec<String> {
    let mut statements = Vec::new();
    for statement in split(INITIAL) {
        if statement.contains("CREATE TABLE users ") || statement.contains(" ON users ") {
            continue;
        }
        let mut statement = statement.replace("CREATE INDEX ", &format!("CREATE INDEX {NEW}"));
        for name in NEEDED.iter().filter(|name| **name != "users") {
            for before in ["CREATE TABLE ", " REFERENCES ", " ON "] {
                statement = statement.replace(&format!("{before}{name} "), &format!("{before}{NEW}{name} "));
            }
        }
        statements.push(statement);
    }
    for name in NEEDED.iter().filter(|name| !["users", "tenants", "lockouts"].contains(name)) {
        statements.push(format!("ALTER TABLE {NEW}{name} ADD COLUMN _torii_id BIGINT UNIQUE"));
    }
    statements
}

/// A query that finds a table of the schema.
fn here(table: &str) -> String {
    format!(
        "SELECT 1 FROM pg_class WHERE relname = '{table}' \
         AND relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())"
    )
}

/// The statements of a file. A semicolon ends one at the end of a line that begins a new paragraph or statement; the bodies
/// of functions stand between dollar signs.
fn split(text: &str) -> Vec<String> {
    let (mut statements, mut statement, mut is_body) = (Vec::new(), String::new(), false);
    for line in text.lines().filter(|line| !line.trim_start().starts_with("--")) {
        is_body ^= line.matches("$$").count() % 2 == 1;
        statement.push_str(line);
        statement.push('\n');
        if !is_body && line.ends_with(';') {
            statements.push(std::mem::take(&mut statement).trim().to_owned());
        }
    }
    statements
}

/// The preparation, for people.
pub(super) fn describe(legacy: &Legacy) -> Vec<PlannedStep> {
    let lines = |statements: &[String]| {
        statements
            .iter()
            .map(|statement| format!("{};", statement.trim_end_matches(';')))
            .collect::<Vec<_>>()
            .join("\n")
    };
    let made = |constraints: &[(&str, &str)]| {
        constraints.iter().map(|(_, make)| format!("{make};")).collect::<Vec<_>>().join("\n")
    };
    let mut new = successor_statements();
    new.push(made(&TENANT_KEY));
    vec![
        PlannedStep::new("add columns to users", format!("{}\n{};", lines(&preparation(legacy)), UNIQUE_KEYS.1)),
        PlannedStep::new("check users", format!("{};\n{};\n{}", UNIQUE_IDS.1, METADATA.1, made(&CONSTRAINTS))),
        PlannedStep::new("make the new tables", lines(&new)),
    ]
}
