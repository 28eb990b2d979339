//! The moment at which the new tables take the place of the old ones.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::{Connection, PgConnection, Row};
use torii_core::{clock::Clock, error::StorageErrorKind};

use super::{
    copy, record,
    rows::NEW,
    work::{Work, failed, live, query, quoted, run},
};
use crate::{
    AdoptedTable, Adoption, MigrationError, PlannedStep, Result, StepRecord,
    legacy::{BASELINE, BATCH, LOCKOUT_ATTEMPTS, LOCKOUT_MINUTES, Legacy, NEEDED, Present, Survey},
    postgres::{
        bookkeeping,
        run::{BEGIN, LONGEST_PAUSE, check},
        session, steps,
    },
};

const STEP: &str = "exchange the tables";
const SET_ASIDE: &str = include_str!("../../../sql/postgres/legacy/set_aside.sql");
const RENAME: &str = include_str!("../../../sql/postgres/legacy/rename.sql");
const GRANTS: &str = include_str!("../../../sql/postgres/legacy/grants.sql");

/// Exchanges the tables.
pub(super) async fn switch(
    work: &mut Work<'_>,
    legacy: &Legacy,
    found: &Survey,
    clock: &dyn Clock,
    started_at: DateTime<Utc>,
) -> Result<(Adoption, Vec<StepRecord>)> {
    for statement in analyze(legacy) {
        run(work.connection, work.options, STEP, statement).await?;
    }
    let mut patience = work.patience.growing(LONGEST_PAUSE);
    patience.renew();
    loop {
        copy::catch_up(work, legacy, found).await?;
        match try_switch(work, legacy, found, clock, started_at).await {
            Ok(Some(done)) => return Ok(done),
            // Much was changed between the last look and the lock.
            Ok(None) | Err(MigrationError::Adoption { kind: StorageErrorKind::ForeignKeyViolation, .. }) => {}
            Err(error) => patience.after(error).await?,
        }
    }
}

async fn try_switch(
    work: &mut Work<'_>,
    legacy: &Legacy,
    found: &Survey,
    clock: &dyn Clock,
    started_at: DateTime<Utc>,
) -> Result<Option<(Adoption, Vec<StepRecord>)>> {
    let mut transaction = work.connection.begin_with(BEGIN).await.map_err(failed(STEP))?;
    session::limit_waits_past_autovacuum(&mut transaction, &work.patience).await.map_err(failed(STEP))?;
    run(&mut transaction, work.options, STEP, lock(legacy)).await?;
    if copy::follow(&mut transaction, work.options, legacy, found).await? >= BATCH as usize {
        transaction.rollback().await.map_err(failed(STEP))?;
        return Ok(None);
    }
    require_keys(&mut transaction).await?;
    let counts = count(&mut transaction, legacy).await?;
    for statement in exchange(legacy) {
        run(&mut transaction, work.options, STEP, statement).await?;
    }
    live(&mut transaction, work.options, STEP).await?;
    let since = started_at - TimeDelta::minutes(LOCKOUT_MINUTES);
    query(lockouts()).bind(since).execute(&mut *transaction).await.map_err(failed(STEP))?;

    let tables = legacy.tables.iter().map(|present| adopted(present, &counts)).collect();
    let adoption = Adoption { from: legacy.version, tables, findings: Vec::new() };
    record::write(&mut transaction, work.options, &adoption).await?;
    let mut records = Vec::new();
    for step in steps::STEPS.iter().take(BASELINE) {
        bookkeeping::create(&mut transaction, step).await?;
        check(&mut transaction, step).await?;
        live(&mut transaction, work.options, STEP).await?;
        let finished_at = clock.now();
        bookkeeping::record(&mut transaction, step, started_at, Some(finished_at)).await?;
        records.push(StepRecord { version: step.version, name: step.name.to_owned(), finished_at: Some(finished_at) });
    }
    run(&mut transaction, work.options, STEP, GRANTS.to_owned()).await?;
    live(&mut transaction, work.options, STEP).await?;
    transaction.commit().await.map_err(failed(STEP))?;
    Ok(Some((adoption, records)))
}

/// Nobody reads or writes from here to the end, which is a moment.
fn lock(legacy: &Legacy) -> String {
    let mut names: Vec<String> = legacy.tables.iter().map(|present| quoted(present.table.source)).collect();
    names.extend(NEEDED.iter().filter(|name| **name != "users").map(|name| format!("{NEW}{name}")));
    format!("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE", names.join(", "))
}

async fn require_keys(connection: &mut PgConnection) -> Result<()> {
    // Between a `!` and the next character, so that the index answers.
    let without: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM users WHERE tenant_id = 'default' AND email_key >= '!torii!' AND email_key < '!torii\"' \
         AND email_key = '!torii!' || id",
    )
    .fetch_one(connection)
    .await
    .map_err(failed(STEP))?;
    if without == 0 {
        return Ok(());
    }
    Err(MigrationError::NotCopied { table: "users".to_owned(), expected: without.unsigned_abs(), found: 0 })
}

/// By source table: how many rows there are, and how many of them in the new table.
type Counts = BTreeMap<&'static str, (u64, u64)>;

async fn count(connection: &mut PgConnection, legacy: &Legacy) -> Result<Counts> {
    let mut counts = Counts::new();
    for present in &legacy.tables {
        let table = present.table;
        let new = if table.is_users() { "users".to_owned() } else { format!("{NEW}{}", table.target) };
        let sql = format!("SELECT (SELECT count(*) FROM {}), (SELECT count(*) FROM {new})", quoted(table.source));
        let row = query(sql).fetch_one(&mut *connection).await.map_err(failed(STEP))?;
        let number = |index| row.try_get::<i64, _>(index).map(i64::unsigned_abs).map_err(failed(STEP));
        let (old, new) = (number(0)?, number(1)?);
        if new > old {
            return Err(MigrationError::NotCopied { table: table.source.to_owned(), expected: old, found: new });
        }
        counts.insert(table.source, (old, new));
    }
    Ok(counts)
}

fn adopted(present: &Present, counts: &Counts) -> AdoptedTable {
    let table = present.table;
    let (old, new) = counts.get(table.source).copied().unwrap_or_default();
    AdoptedTable {
        source: table.source.to_owned(),
        table: table.target.to_owned(),
        backup: (!table.is_users()).then(|| present.backup()),
        adopted: new,
        set_aside: old - new,
    }
}

/// The planner has to know the new tables and columns from the first moment.
fn analyze(legacy: &Legacy) -> Vec<String> {
    let new = |present: &Present| {
        if present.table.is_users() {
            "ANALYZE (SKIP_LOCKED) users".to_owned()
        } else {
            format!("ANALYZE (SKIP_LOCKED) {NEW}{}", present.table.target)
        }
    };
    legacy.tables.iter().map(new).collect()
}

/// The statements that exchange the tables.
fn exchange(legacy: &Legacy) -> Vec<String> {
    let mut statements = Vec::new();
    for present in &legacy.tables {
        statements.push(format!("DROP TRIGGER _torii_note_change ON {}", quoted(present.table.source)));
    }
    if legacy.find("users").is_some() {
        statements.push("DROP TRIGGER _torii_hold_key ON users".to_owned());
    }
    statements.push("DROP FUNCTION _torii_note_change(), _torii_hold_key()".to_owned());
    statements.push("DROP TABLE _torii_changes, _torii_upgrade".to_owned());
    let replaced: Vec<_> =
        legacy.tables.iter().filter(|present| !present.table.is_users()).map(|present| present.table.source).collect();
    statements.push(SET_ASIDE.replace("{tables}", &replaced.join(",")));
    for name in NEEDED.iter().filter(|name| !["users", "tenants", "lockouts"].contains(name)) {
        statements.push(format!("ALTER TABLE {NEW}{name} DROP COLUMN _torii_id"));
    }
    statements.push(RENAME.to_owned());
    statements
}

/// Goes on counting the wrong passwords of the last minutes. `$1` is when those begin.
fn lockouts() -> String {
    format!(
        "INSERT INTO lockouts (email_key, failures, window_started_at, locked_until) \
         SELECT tried.email, count(*), min(attempted_at), \
             CASE WHEN count(*) >= {LOCKOUT_ATTEMPTS} OR max(users.locked_at) > $1 \
             THEN greatest(max(attempted_at), max(users.locked_at)) + interval '{LOCKOUT_MINUTES} minutes' END \
         FROM failed_login_attempts AS tried \
         LEFT JOIN users ON users.email_key = tried.email AND users.tenant_id = tried.tenant_id \
         WHERE attempted_at > $1 GROUP BY tried.email"
    )
}

/// The exchange, for people.
pub(super) fn describe(legacy: &Legacy) -> Vec<PlannedStep> {
    let mut statements = analyze(legacy);
    statements.push("BEGIN".to_owned());
    statements.push(lock(legacy));
    statements.push("-- The last changes of the older version are brought over.".to_owned());
    statements.extend(exchange(legacy));
    statements.push(lockouts());
    statements.push(record::CREATE.to_owned());
    statements.push(GRANTS.to_owned());
    statements.push("COMMIT".to_owned());
    let line = |statement: &String| {
        let statement = statement.trim_end().trim_end_matches(';');
        if statement.starts_with("--") && !statement.contains('\n') {
            statement.to_owned()
        } else {
            format!("{statement};")
        }
    };
    vec![PlannedStep::new(STEP, statements.iter().map(line).collect::<Vec<_>>().join("\n"))]
}
