#![doc = include_str!("../README.md")]

mod error;
mod options;
mod report;

// What every engine's runner is made of; without an engine there is nothing to run.
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod history;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod patience;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod step;

#[cfg(feature = "postgres")]
pub mod postgres;
#[cfg(feature = "sqlite")]
pub mod sqlite;

pub use error::{MigrationError, OpenProblem};
pub use options::MigrateOptions;
pub use report::{MigrationReport, MigrationStatus, StepRecord};

/// What the functions of this crate return.
pub type Result<T, E = MigrationError> = std::result::Result<T, E>;
