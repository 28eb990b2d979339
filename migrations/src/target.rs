//! Stopping before the newest version.

use crate::{MigrateOptions, MigrationError, Result, StepRecord, legacy::BASELINE, step::Step};

/// The steps of `steps` up to the version that is asked for: all of them if none is.
///
/// # Errors
/// [`MigrationError::UnknownVersion`].
pub(crate) fn steps<'s, C>(options: &MigrateOptions, steps: &'s [Step<C>]) -> Result<&'s [Step<C>]> {
    let Some(version) = options.target() else { return Ok(steps) };
    let known = steps.last().map_or(0, |step| step.version);
    let end = steps.iter().position(|step| step.version == version);
    end.and_then(|end| steps.get(..=end)).ok_or(MigrationError::UnknownVersion { version, known })
}

/// Refuses a database that is beyond the version that is asked for, or would be after its older version is taken over.
///
/// # Errors
/// [`MigrationError::BeyondTarget`] or [`MigrationError::BeforeAdoption`].
pub(crate) fn allow(options: &MigrateOptions, applied: &[StepRecord], adopts: bool) -> Result<()> {
    const ADOPTED: i64 = BASELINE as i64;
    let Some(target) = options.target() else { return Ok(()) };
    match applied.last() {
        Some(step) if step.version > target => Err(MigrationError::BeyondTarget { found: step.version, target }),
        _ if adopts && target < ADOPTED => Err(MigrationError::BeforeAdoption { adopted: ADOPTED, target }),
        _ => Ok(()),
    }
}
