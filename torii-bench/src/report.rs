//! What a command found, as a table or as JSON.

use std::{fmt, time::Duration};

use serde::Serialize;
use serde_json::Value;

/// What one command found.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// The command.
    pub(crate) command: &'static str,
    /// What it was told.
    pub(crate) settings: Value,
    /// Times, one row for each way.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) rows: Vec<Row>,
    /// Everything else.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) facts: Vec<Fact>,
}

/// How long one way took.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) group: &'static str,
    pub(crate) what: &'static str,
    pub(crate) way: &'static str,
    pub(crate) calls: usize,
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
    /// The way of the same group that the ratio is to.
    pub(crate) against: Option<&'static str>,
    pub(crate) ratio: Option<f64>,
    pub(crate) ratio_low: Option<f64>,
    pub(crate) ratio_high: Option<f64>,
}

/// A number and its unit.
#[derive(Debug, Serialize)]
pub(crate) struct Fact {
    pub(crate) group: String,
    pub(crate) name: String,
    pub(crate) value: f64,
    pub(crate) unit: &'static str,
}

impl Fact {
    pub(crate) fn new(group: impl Into<String>, name: impl Into<String>, value: f64, unit: &'static str) -> Self {
        Self { group: group.into(), name: name.into(), value, unit }
    }
}

/// Microseconds, to the nanosecond.
pub(crate) fn micros(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e9).round() / 1e3
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} {}", self.command, self.settings)?;
        let mut shown = ("", "");
        for row in &self.rows {
            if (row.group, row.what) != shown {
                shown = (row.group, row.what);
                writeln!(f, "\n{}: {}", row.group, row.what)?;
                writeln!(f, "  {:<44}{:>10}{:>10}{:>8}  spread, and to what", "", "p50 µs", "p99 µs", "ratio")?;
            }
            write!(f, "  {:<44}{:>10.2}{:>10.2}", row.way, row.p50_us, row.p99_us)?;
            if let (Some(ratio), Some(low), Some(high), Some(against)) =
                (row.ratio, row.ratio_low, row.ratio_high, row.against)
            {
                write!(f, "{ratio:>8.3}  {low:.3} to {high:.3} of {against}")?;
            }
            writeln!(f)?;
        }
        let mut shown = "";
        for fact in &self.facts {
            if fact.group != shown {
                shown = &fact.group;
                writeln!(f, "\n{shown}")?;
            }
            let digits = if fact.value.fract() == 0.0 { 0 } else { 2 };
            writeln!(f, "  {:<44}{:>16.digits$} {}", fact.name, fact.value, fact.unit)?;
        }
        Ok(())
    }
}
