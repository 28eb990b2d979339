//! What a migration would do.

use torii_migration::{Finding, Handling, MigrationPlan, OlderVersion};

/// What a migration would do.
pub(crate) struct Plan {
    pub(crate) adopts: Option<OlderVersion>,
    /// Names and statements.
    pub(crate) steps: Vec<(String, String)>,
    pub(crate) findings: Vec<Finding>,
}

impl Plan {
    /// Whether a row stops the migration before it changes anything.
    pub(crate) fn is_refused(&self) -> bool {
        self.findings.iter().any(|finding| finding.handling == Handling::Refused)
    }
}

impl From<MigrationPlan> for Plan {
    fn from(plan: MigrationPlan) -> Self {
        let steps = plan.steps.into_iter().map(|step| (step.name, step.sql)).collect();
        Self { adopts: plan.adopts, steps, findings: plan.findings }
    }
}
