//! The upgrade.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::SqliteConnection;

use super::{
    application::Additions,
    record,
    rows::{self, OldTables},
    script::{self, Aside},
    work::{Work, failed, query, quoted},
};
use crate::{
    AdoptedTable, Adoption, MigrateOptions, MigrationError, PlannedStep, Result,
    legacy::{Contents, LOCKOUT_MINUTES, Legacy, Present, Source, Survey, next, survey},
    progress::Reporter,
};

/// Takes the database over. Inside a transaction that began with foreign keys off.
///
/// # Errors
/// Whatever happened. The transaction is to be rolled back then.
pub(super) async fn adopt(
    connection: &mut SqliteConnection,
    legacy: &Legacy,
    options: &MigrateOptions,
    now: DateTime<Utc>,
) -> Result<Adoption> {
    let found = examine(connection, legacy, options).await?;
    let refused = found.findings.refused();
    if !refused.is_empty() {
        return Err(MigrationError::DirtyData {
            count: found.findings.count(crate::Handling::Refused),
            findings: refused,
        });
    }
    let additions = Additions::read(connection, legacy).await?;
    let asides = asides(connection, legacy).await?;

    let mut work = Work { connection, options };
    for sql in additions.drop_objects() {
        work.run("free the names of the application's indexes and triggers of users", sql).await?;
    }
    for (present, aside) in &asides {
        move_aside(&mut work, present, aside).await?;
    }
    let (tables, indexes) = script::schema();
    work.run("make today's tables", tables).await?;
    // The rows' tenant. The history's second step makes it, and finds it made.
    insert_default_tenant(&mut work, now).await?;
    if let Some(sql) = additions.add_columns() {
        work.run("make the application's columns of users again", sql).await?;
    }
    let mut adopted = Vec::new();
    for present in &legacy.tables {
        adopted.push(copy(&mut work, present, &found).await?);
    }
    if let Some(sql) = legacy.find("users").and_then(|users| additions.fill_columns(&users.backup())) {
        work.run("copy the application's columns of users", sql).await?;
    }
    if legacy.find("failed_login_attempts").is_some() {
        const STEP: &str = "count the wrong passwords of the last minutes";
        work.live(STEP)?;
        let since = now - TimeDelta::minutes(LOCKOUT_MINUTES);
        query(script::lockouts()).bind(since).execute(&mut *work.connection).await.map_err(failed(STEP))?;
    }
    work.run("make today's indexes", indexes).await?;
    for sql in additions.make_objects() {
        work.run("make the application's indexes and triggers of users again", sql).await?;
    }
    let adoption = Adoption { from: legacy.version, tables: adopted, findings: found.findings.listed };
    record::write(&mut work, &adoption).await?;
    Ok(adoption)
}

/// What [`adopt`] would do and find. Reads only.
pub(in crate::sqlite) async fn plan(
    connection: &mut SqliteConnection,
    legacy: &Legacy,
    options: &MigrateOptions,
) -> Result<(Vec<PlannedStep>, Survey)> {
    let found = examine(connection, legacy, options).await?;
    let additions = Additions::read(connection, legacy).await?;
    let asides = asides(connection, legacy).await?;
    let mut steps = script::describe(legacy, &asides, &additions);
    if options.drops_backup() {
        let drops: Vec<_> =
            legacy.tables.iter().map(|present| format!("DROP TABLE main.{};", quoted(&present.backup()))).collect();
        steps.push(PlannedStep::new("drop the backup", drops.join("\n")));
    }
    Ok((steps, found))
}

async fn examine(connection: &mut SqliteConnection, legacy: &Legacy, options: &MigrateOptions) -> Result<Survey> {
    survey(&mut OldTables { connection, are_backups: false }, legacy, options).await
}

/// How each old table gets out of the way.
async fn asides<'l>(connection: &mut SqliteConnection, legacy: &'l Legacy) -> Result<Vec<(&'l Present, Aside)>> {
    const STEP: &str = "read the old tables' definitions";
    let mut asides = Vec::new();
    for present in &legacy.tables {
        let columns: Vec<(String, String)> =
            sqlx::query_as("SELECT name, type FROM pragma_table_info(?1, 'main') ORDER BY cid")
                .bind(present.table.source)
                .fetch_all(&mut *connection)
                .await
                .map_err(failed(STEP))?;
        let has_foreign_keys: bool =
            sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM pragma_foreign_key_list(?1, 'main'))")
                .bind(present.table.source)
                .fetch_one(&mut *connection)
                .await
                .map_err(failed(STEP))?;
        asides.push((present, script::aside(present, &columns, has_foreign_keys)));
    }
    Ok(asides)
}

async fn move_aside(work: &mut Work<'_>, present: &Present, aside: &Aside) -> Result<()> {
    let step = format!("move {} out of the way", present.table.source);
    match aside {
        Aside::Rename(sql) => work.run(&step, sql.clone()).await,
        Aside::Copy { copy, compare, drop } => {
            let count = format!("SELECT count(*) FROM main.{}", quoted(present.table.source));
            let expected = work.number(&step, count).await?;
            work.run(&step, copy.clone()).await?;
            let found = work.number(&step, compare.clone()).await?;
            if found != expected {
                return Err(not_copied(present, expected.unsigned_abs(), found.unsigned_abs()));
            }
            work.run(&step, drop.clone()).await
        }
    }
}

async fn insert_default_tenant(work: &mut Work<'_>, now: DateTime<Utc>) -> Result<()> {
    const STEP: &str = "register the default tenant";
    work.live(STEP)?;
    crate::sqlite::steps::insert_default_tenant(work.connection, now).await.map_err(failed(STEP))
}

/// Copies the rows of a backup into the new table, and makes sure that they are there.
async fn copy(work: &mut Work<'_>, present: &Present, found: &Survey) -> Result<AdoptedTable> {
    let table = present.table;
    let step = format!("copy {}", table.source);
    let total = old(work).count(present).await?;
    let progress = Reporter::new(work.options, "copy", table.source, total);
    let (mut expected, mut set_aside, mut after) = (Contents::default(), 0, None);
    loop {
        let batch = old(work).batch(present, after.as_ref()).await?;
        let mut new = Vec::with_capacity(batch.len());
        for row in &batch {
            match row.convert(present, &found.rules) {
                Ok(cells) if !found.is_duplicate(present, row) => new.push(cells),
                _ => set_aside += 1,
            }
        }
        for row in &new {
            expected.add(row);
        }
        work.live(&step)?;
        rows::insert(work.connection, table, &new).await?;
        progress.advance(batch.len());
        match next(batch) {
            Some(last) => after = Some(last),
            None => break,
        }
    }
    verify(work, present, expected).await?;
    Ok(AdoptedTable {
        source: table.source.to_owned(),
        table: table.target.to_owned(),
        backup: Some(present.backup()),
        adopted: expected.rows,
        set_aside,
    })
}

async fn verify(work: &mut Work<'_>, present: &Present, expected: Contents) -> Result<()> {
    let table = present.table;
    let progress = Reporter::new(work.options, "verify", table.source, expected.rows);
    let (mut found, mut after) = (Contents::default(), None::<Vec<_>>);
    while let Some((rows, last)) = rows::written(work.connection, table, after.as_deref()).await? {
        for row in &rows {
            found.add(row);
        }
        progress.advance(rows.len());
        after = Some(last);
    }
    if found == expected { Ok(()) } else { Err(not_copied(present, expected.rows, found.rows)) }
}

fn old<'w>(work: &'w mut Work<'_>) -> OldTables<'w> {
    OldTables { connection: work.connection, are_backups: true }
}

fn not_copied(present: &Present, expected: u64, found: u64) -> MigrationError {
    MigrationError::NotCopied { table: present.table.source.to_owned(), expected, found }
}
