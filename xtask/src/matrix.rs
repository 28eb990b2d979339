//! How every backend keeps the laws of `torii-testkit`.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    ops::Range,
};

use crate::junit::Outcome;

const BINARY: &str = "torii-testkit::laws";
const SCOPES: [&str; 2] = ["default_tenant", "named_tenant"];
const SABOTEURS: &str = "saboteurs";
/// Where the saboteurs are among the cells of a column: behind the scopes.
const BEHIND: usize = SCOPES.len();

/// What ran in one column in one place: each test's name, and whether it passed.
type Cell<'a> = BTreeMap<&'a str, bool>;

/// By column (a backend): the laws by scope (the tenant they ran as), and the saboteurs.
#[derive(Debug, Default)]
pub(crate) struct Matrix<'a>(BTreeMap<&'a str, [Cell<'a>; BEHIND + 1]>);

impl<'a> Matrix<'a> {
    /// Picks the laws, named `<column>::<scope>::<law>`, and the saboteurs, `saboteurs::<column>::<name>`, from all tests that
    /// ran.
    pub(crate) fn new(outcomes: &'a [Outcome]) -> Self {
        let mut matrix = Self::default();
        for outcome in outcomes.iter().filter(|outcome| outcome.binary == BINARY) {
            let mut parts = outcome.test.splitn(3, "::");
            let (Some(first), Some(second), Some(test)) = (parts.next(), parts.next(), parts.next()) else {
                continue;
            };
            let scope = SCOPES.iter().position(|known| *known == second);
            let (column, place) = match (first, scope) {
                (SABOTEURS, _) => (second, BEHIND),
                (column, Some(scope)) => (column, scope),
                _ => continue,
            };
            matrix.0.entry(column).or_default()[place].insert(test, outcome.passed);
        }
        matrix
    }

    /// Every cell of some places, with the name of its tests.
    fn cells(&self, places: Range<usize>) -> impl Iterator<Item = (String, &Cell<'a>)> {
        self.0.iter().flat_map(move |(column, cells)| {
            places.clone().map(move |place| match SCOPES.get(place) {
                Some(scope) => (format!("{column}::{scope}"), &cells[place]),
                None => (format!("{SABOTEURS}::{column}"), &cells[place]),
            })
        })
    }

    fn failed(&self) -> Vec<String> {
        self.cells(0..BEHIND + 1)
            .flat_map(|(place, cell)| {
                cell.iter().filter(|(_, passed)| !**passed).map(move |(test, _)| format!("{place}::{test}"))
            })
            .collect()
    }

    /// Laws and saboteurs that ran somewhere, and the places where they did not.
    fn missing(&self) -> Vec<String> {
        [0..BEHIND, BEHIND..BEHIND + 1].into_iter().flat_map(|places| self.missing_in(&places)).collect()
    }

    fn missing_in(&self, places: &Range<usize>) -> Vec<String> {
        let all: BTreeSet<&str> = self.cells(places.clone()).flat_map(|(_, cell)| cell.keys().copied()).collect();
        let mut missing = Vec::new();
        for (place, cell) in self.cells(places.clone()) {
            if cell.is_empty() {
                // Saboteurs show what the laws see: a column may do without them.
                if !all.is_empty() && places.start < BEHIND {
                    missing.push(format!("{place}: all {}", all.len()));
                }
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
        if self.0.is_empty() {
            return writeln!(f, "no law of torii-testkit ran");
        }

        writeln!(f, "{:<18}{:<24}{:<24}{SABOTEURS}", "laws", SCOPES[0], SCOPES[1])?;
        for (column, [default_tenant, named_tenant, saboteurs]) in &self.0 {
            let (default_tenant, named_tenant) = (count(default_tenant), count(named_tenant));
            writeln!(f, "{column:<18}{default_tenant:<24}{named_tenant:<24}{}", count(saboteurs))?;
        }
        list(f, "failed", &self.failed())?;
        list(f, "did not run everywhere, missing", &self.missing())
    }
}

fn count(cell: &Cell<'_>) -> String {
    if cell.is_empty() {
        return "-".to_owned();
    }
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
