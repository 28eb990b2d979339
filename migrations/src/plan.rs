//! What a migration would do.

use crate::{Finding, OlderVersion};

/// What a migration would do to a database.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MigrationPlan {
    /// The older version whose database it is, if it is one.
    pub adopts: Option<OlderVersion>,
    /// What would be done, in order. Empty if there is nothing to do.
    pub steps: Vec<PlannedStep>,
    /// The rows of the older version that are not simply taken over, up to a hundred of each kind. One whose
    /// [`handling`](Finding::handling) is [`Refused`](crate::Handling::Refused) would stop the migration before it changes
    /// anything.
    pub findings: Vec<Finding>,
}

/// A piece of work.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PlannedStep {
    /// What it is.
    pub name: String,
    /// Its statements. What is done with values in between is said in comments.
    pub sql: String,
}

#[cfg(any(feature = "mysql", feature = "postgres", feature = "sqlite"))]
impl PlannedStep {
    pub(crate) fn new(name: impl Into<String>, sql: impl Into<String>) -> Self {
        Self { name: name.into(), sql: sql.into() }
    }
}
