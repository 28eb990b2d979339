#![doc = include_str!("../README.md")]

mod error;
mod options;
mod plan;
mod progress;
mod report;

// What every engine's runner is made of; without an engine there is nothing to run.
#[cfg(any(feature = "mysql", feature = "postgres", feature = "sqlite"))]
mod history;
#[cfg(any(feature = "mysql", feature = "postgres", feature = "sqlite"))]
mod patience;
#[cfg(any(feature = "mysql", feature = "postgres", feature = "sqlite"))]
mod step;
#[cfg(any(feature = "mysql", feature = "postgres", feature = "sqlite"))]
mod target;

#[cfg_attr(
    not(all(feature = "postgres", feature = "sqlite")),
    allow(dead_code, unused_imports, reason = "each engine uses its part of it")
)]
mod legacy;
#[cfg(feature = "mysql")]
pub mod mysql;
#[cfg(feature = "postgres")]
pub mod postgres;
#[cfg(feature = "sqlite")]
pub mod sqlite;

pub use error::{MigrationError, OpenProblem};
pub use legacy::{AdoptedTable, Adoption, Finding, Handling, OlderVersion, Problem};
pub use options::MigrateOptions;
pub use plan::{MigrationPlan, PlannedStep};
pub use progress::Progress;
pub use report::{MigrationReport, MigrationStatus, StepRecord};

/// What the functions of this crate return.
pub type Result<T, E = MigrationError> = std::result::Result<T, E>;
