//! What is wrong with a database.

use serde::Serialize;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Severity {
    /// Something has to be mended.
    Problem,
    /// Good to know.
    Note,
}

/// Something that is not as it should be, and how to mend it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Problem {
    pub(crate) severity: Severity,
    /// A word for scripts, which stays what it is.
    pub(crate) code: &'static str,
    pub(crate) table: Option<String>,
    /// What is wrong.
    pub(crate) message: String,
    /// How to mend it, in words.
    pub(crate) remedy: Option<String>,
    /// How to mend it, in statements.
    pub(crate) sql: Option<String>,
    /// How many rows there are of it.
    pub(crate) rows: Option<u64>,
    /// A few of those rows, without anything secret.
    pub(crate) examples: Vec<String>,
}

impl Problem {
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Problem,
            code,
            table: None,
            message: message.into(),
            remedy: None,
            sql: None,
            rows: None,
            examples: Vec::new(),
        }
    }

    pub(crate) fn note(code: &'static str, message: impl Into<String>) -> Self {
        Self { severity: Severity::Note, ..Self::new(code, message) }
    }

    pub(crate) fn of(mut self, table: impl Into<String>) -> Self {
        self.table = Some(table.into());
        self
    }

    pub(crate) fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    pub(crate) fn sql(mut self, sql: impl Into<String>) -> Self {
        self.sql = Some(sql.into());
        self
    }

    pub(crate) fn rows(mut self, rows: u64, examples: Vec<String>) -> Self {
        (self.rows, self.examples) = (Some(rows), examples);
        self
    }
}
