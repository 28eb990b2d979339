//! The upgrade as one transaction, and the end of what it leaves.

use sqlx::{Connection, SqliteConnection, SqlitePool};
use torii_core::clock::Clock;

use super::{adopt::adopt, record};
use crate::{
    Adoption, MigrateOptions, Result, StepRecord,
    legacy::BASELINE,
    patience::Patience,
    sqlite::{
        bookkeeping,
        errors::failed,
        lease::Lease,
        orphans,
        run::{check, look},
        steps,
    },
    step::Step,
};

/// Takes over what an older version left behind; `None` if another process was faster.
pub(in crate::sqlite) async fn take_over(
    lease: &mut Lease,
    clock: &dyn Clock,
    options: &MigrateOptions,
    history: &[Step<SqliteConnection>],
) -> Result<Option<(Adoption, Vec<StepRecord>)>> {
    lease.widen_cache().await?;
    let were_on = lease.suspend_foreign_keys().await?;
    let done = take_over_without_keys(lease, clock, options, history).await;
    let restored = lease.restore_foreign_keys(were_on).await;
    let done = done?;
    restored?;
    Ok(done)
}

async fn take_over_without_keys(
    lease: &mut Lease,
    clock: &dyn Clock,
    options: &MigrateOptions,
    history: &[Step<SqliteConnection>],
) -> Result<Option<(Adoption, Vec<StepRecord>)>> {
    const OPERATION: &str = "take over an older version's database";
    let started_at = clock.now();
    let mut transaction = lease.connection().begin_with("BEGIN IMMEDIATE").await.map_err(failed(OPERATION))?;
    let Some(legacy) = look(&mut transaction, history).await?.legacy else {
        transaction.rollback().await.map_err(failed(OPERATION))?;
        return Ok(None);
    };
    let before = orphans::count(&mut transaction).await.map_err(failed(OPERATION))?;
    let adoption = adopt(&mut transaction, &legacy, options, started_at).await?;
    let after = orphans::count(&mut transaction).await.map_err(failed(OPERATION))?;
    let mut records = Vec::new();
    for step in steps::STEPS.iter().take(BASELINE) {
        bookkeeping::create(&mut transaction, step).await?;
        check(&mut transaction, step).await?;
        orphans::none_is_new(step, &before, &after)?;
        let finished_at = clock.now();
        bookkeeping::record(&mut transaction, step, started_at, Some(finished_at)).await?;
        records.push(StepRecord { version: step.version, name: step.name.to_owned(), finished_at: Some(finished_at) });
    }
    transaction.commit().await.map_err(failed(OPERATION))?;
    Ok(Some((adoption, records)))
}

/// Drops the backup of an older version's tables, and answers their names.
pub(in crate::sqlite) async fn drop_backup_of(lease: &mut Lease, patience: &mut Patience) -> Result<Vec<String>> {
    loop {
        match drop_once(lease).await {
            Ok(dropped) => return Ok(dropped),
            Err(error) => patience.after(error).await?,
        }
    }
}

/// The same on a connection of its own.
pub(in crate::sqlite) async fn drop_backup(pool: &SqlitePool, options: &MigrateOptions) -> Result<Vec<String>> {
    let mut patience = Patience::new(options.get_lock_timeout());
    let mut lease = Lease::take(pool, &mut patience).await?;
    let dropped = drop_backup_of(&mut lease, &mut patience).await;
    lease.end().await;
    dropped
}

async fn drop_once(lease: &mut Lease) -> Result<Vec<String>> {
    const OPERATION: &str = "drop the backup";
    let mut transaction = lease.connection().begin_with("BEGIN IMMEDIATE").await.map_err(failed(OPERATION))?;
    let dropped = record::drop_backup(&mut transaction).await?;
    transaction.commit().await.map_err(failed(OPERATION))?;
    Ok(dropped)
}
