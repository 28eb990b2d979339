//! How every backend keeps the laws of `torii-testkit`.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use crate::junit::Outcome;

const BINARY: &str = "torii-testkit::laws";
const SABOTEURS: &str = "saboteurs";
const SCOPES: [&str; 2] = ["default_tenant", "named_tenant"];

/// What ran in one column as one tenant: each test's name, and whether it passed.
type Cell<'a> = BTreeMap<&'a str, bool>;

/// The laws by column (a backend) and scope (the tenant they ran as), and the saboteurs.
#[derive(Debug, Default)]
pub(crate) struct Matrix<'a> {
    columns: BTreeMap<&'a str, [Cell<'a>; SCOPES.len()]>,
    saboteurs: Cell<'a>,
}

impl<'a> Matrix<'a> {
    /// Picks the laws, named `<column>::<scope>::<law>`, and the saboteurs, `saboteurs::<name>`, from all tests that ran.
    pub(crate) fn new(outcomes: &'a [Outcome]) -> Self {
        let mut matrix = Self::default();
        for outcome in outcomes.iter().filter(|outcome| outcome.binary == BINARY) {
            let Some((column, rest)) = outcome.test.split_once("::") else {
                continue;
            };
            if column == SABOTEURS {
                matrix.saboteurs.insert(rest, outcome.passed);
                continue;
            }
            let Some((scope, law)) = rest.split_once("::") else {
                continue;
            };
            let Some(scope) = SCOPES.iter().position(|known| *known == scope) else {
                continue;
            };
            matrix.columns.entry(column).or_default()[scope].insert(law, outcome.passed);
        }
        matrix
    }

    /// Every column and scope with its name.
    fn cells(&self) -> impl Iterator<Item = (String, &Cell<'a>)> {
        self.columns.iter().flat_map(|(column, cells)| {
            SCOPES.iter().zip(cells).map(move |(scope, cell)| (format!("{column}::{scope}"), cell))
        })
    }

    fn failed(&self) -> Vec<String> {
        let saboteurs = (SABOTEURS.to_owned(), &self.saboteurs);
        let cells = self.cells().chain([saboteurs]);
        cells
            .flat_map(|(place, cell)| {
                cell.iter().filter(|(_, passed)| !**passed).map(move |(test, _)| format!("{place}::{test}"))
            })
            .collect()
    }

    /// Laws that ran somewhere, and the places where they did not.
    fn missing(&self) -> Vec<String> {
        let all: BTreeSet<&str> = self.cells().flat_map(|(_, cell)| cell.keys().copied()).collect();
        let mut missing = Vec::new();
        for (place, cell) in self.cells() {
            if cell.is_empty() {
                missing.push(format!("{place}: all {}", all.len()));
                continue;
            }
            let absent = all.iter().filter(|law| !cell.contains_key(**law));
            missing.extend(absent.map(|law| format!("{place}::{law}")));
        }
        missing
    }
}

impl fmt::Display for Matrix<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.columns.is_empty() && self.saboteurs.is_empty() {
            return writeln!(f, "no law of torii-testkit ran");
        }

        writeln!(f, "{:<18}{:<24}{}", "laws", SCOPES[0], SCOPES[1])?;
        for (column, [default_tenant, named_tenant]) in &self.columns {
            writeln!(f, "{column:<18}{:<24}{}", count(default_tenant), count(named_tenant))?;
        }
        if !self.saboteurs.is_empty() {
            writeln!(f, "{SABOTEURS:<18}{}", count(&self.saboteurs))?;
        }
        list(f, "failed", &self.failed())?;
        list(f, "did not run everywhere, missing", &self.missing())
    }
}

fn count(cell: &Cell<'_>) -> String {
    let passed = cell.values().filter(|passed| **passed).count();
    format!("{passed} passed, {} failed", cell.len() - passed)
}

fn list(f: &mut fmt::Formatter<'_>, title: &str, entries: &[String]) -> fmt::Result {
    if entries.is_empty() {
        return Ok(());
    }
    writeln!(f, "{title}:")?;
    entries.iter().try_for_each(|entry| writeln!(f, "  {entry}"))
}

#[cfg(test)]
mod tests;
