//! What is true of a database's tables against what should be.

use super::{
    fact::{Fact, Kind},
    partitions, remedy,
};
use crate::{problem::Problem, target::Engine};

/// What has to be known of a database to judge its tables.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known {
    pub(crate) engine: Engine,
    /// Whether it was taken over from an older version, whose columns of `users` stay as they were.
    pub(crate) adopted: bool,
    /// Whether policies are expected.
    pub(crate) row_level_security: bool,
}

/// Everything about the tables that is not as it should be.
pub(crate) fn compare(expected: &[Fact], found: &[Fact], known: Known) -> Vec<Problem> {
    let expected = partitions::expected(expected, found);
    let found = Found(found);
    let mut problems: Vec<Problem> = expected.iter().filter_map(|fact| lacking(fact, found, known)).collect();
    let more = found.0.iter().filter(|fact| !expected.iter().any(|other| other.is_about(fact)));
    problems.extend(more.filter_map(|fact| unexpected(fact, found, known)));
    problems.extend(found.0.iter().filter(|fact| partitions::is_by_torii(fact)).map(|fact| {
        let message = format!("The table {} is partitioned: triggers stand in for its foreign keys.", fact.table);
        Problem::note("partitioned", message).of(&fact.table)
    }));
    problems
}

#[derive(Clone, Copy)]
struct Found<'f>(&'f [Fact]);

impl<'f> Found<'f> {
    fn get(self, kind: Kind, table: &str, object: &str) -> Option<&'f Fact> {
        self.0.iter().find(|fact| fact.kind == kind && fact.table == table && fact.object == object)
    }

    fn table(self, table: &str) -> Option<&'f Fact> {
        self.get(Kind::Table, table, "")
    }
}

/// What is wrong with something that has to be there.
fn lacking(expected: &Fact, all: Found<'_>, known: Known) -> Option<Problem> {
    let (kind, table, object) = (expected.kind, &expected.table, &expected.object);
    let is_optional = matches!(kind, Kind::Policy | Kind::Function);
    if is_optional && !known.row_level_security {
        return None;
    }
    let is_missing = all.get(kind, table, object).is_none();
    if kind == Kind::Table && is_missing {
        return Some(
            Problem::new("missing_table", format!("The table {table} is missing.")).of(table).remedy(
                "Restore it from a copy. `torii migrate --dry-run` on an empty database prints its definition.",
            ),
        );
    }
    // A table or column that is missing is named once.
    if !is_optional && all.table(table).is_none() {
        return None;
    }
    if kind.is_of_column() && kind != Kind::Type && all.get(Kind::Type, table, object).is_none() {
        return None;
    }
    let found = all.get(kind, table, object);
    if found.is_some_and(|found| found.value == expected.value || tells_nothing(found, known)) {
        return None;
    }
    // That a column is no text is told by its type.
    if (kind == Kind::Collation && found.is_none()) || is_left_alone(expected, found, known) {
        return None;
    }
    let problem = match found {
        None => Problem::new(missing_code(kind), missing(expected)),
        Some(found) => Problem::new(different_code(kind), different(expected, found)),
    };
    Some(remedy::add(problem.of(table), known.engine, expected, found, all.0))
}

/// MySQL writes conditions in words of its own, so that only their names are compared.
fn tells_nothing(found: &Fact, known: Known) -> bool {
    known.engine == Engine::Mysql && found.kind == Kind::Check && found.value.is_empty()
}

/// The columns that `users` had in an older version keep their types, collations and defaults.
fn is_left_alone(expected: &Fact, found: Option<&Fact>, known: Known) -> bool {
    const OLD: [&str; 8] =
        ["id", "email", "name", "email_verified_at", "locked_at", "password_hash", "created_at", "updated_at"];
    // What refers to users is as their ids are.
    let is_old = expected.object == "user_id" || (expected.table == "users" && OLD.contains(&expected.object.as_str()));
    if !known.adopted || !is_old {
        return false;
    }
    match (expected.kind, found) {
        (Kind::Collation | Kind::Default, _) => true,
        (Kind::Type, Some(found)) => is_text(&expected.value) && is_text(&found.value),
        _ => false,
    }
}

fn is_text(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.contains("char") || name.contains("text")
}

fn missing_code(kind: Kind) -> &'static str {
    match kind {
        Kind::Table => "missing_table",
        Kind::Type | Kind::Collation | Kind::Null | Kind::Default => "missing_column",
        Kind::PrimaryKey => "missing_primary_key",
        Kind::Unique => "missing_unique_key",
        Kind::Index => "missing_index",
        Kind::ForeignKey => "missing_foreign_key",
        Kind::Check => "missing_check",
        Kind::Trigger => "missing_trigger",
        Kind::Policy => "missing_policy",
        Kind::Function => "missing_function",
    }
}

fn missing(expected: &Fact) -> String {
    let Fact { kind, table, object, name, .. } = expected;
    match kind {
        Kind::Type | Kind::Collation | Kind::Null | Kind::Default => format!("The column {table}.{object} is missing."),
        Kind::Function => format!("The function {object} is missing or has another shape."),
        Kind::Policy => format!("The policy {object} of the table {table} is missing."),
        Kind::Check if !name.is_empty() => format!("The table {table} lacks the condition {name}: {object}."),
        Kind::Check => format!("The table {table} lacks a condition: CHECK {object}."),
        kind => format!("The table {table} lacks the {} {object}.", kind.name()),
    }
}

fn different_code(kind: Kind) -> &'static str {
    match kind {
        Kind::Table => "altered_table",
        Kind::Type => "altered_type",
        Kind::Collation => "altered_collation",
        Kind::Null => "altered_nullability",
        Kind::Default => "altered_default",
        Kind::PrimaryKey | Kind::Unique | Kind::Index => "unusable_index",
        Kind::ForeignKey => "unenforced_foreign_key",
        Kind::Check => "altered_check",
        Kind::Trigger => "altered_trigger",
        Kind::Policy => "altered_policy",
        Kind::Function => "altered_function",
    }
}

fn different(expected: &Fact, found: &Fact) -> String {
    let Fact { kind, table, object, .. } = expected;
    let is = |value: &str| if value.is_empty() { "none".to_owned() } else { value.to_owned() };
    match kind {
        Kind::Table => format!("The table {table} is kept as {}, and should be as {}.", found.value, expected.value),
        Kind::Type => format!("The column {table}.{object} is {}, and should be {}.", found.value, expected.value),
        Kind::Null => format!("The column {table}.{object} is {}, and should be {}.", found.value, expected.value),
        Kind::Collation | Kind::Default => format!(
            "The {} of the column {table}.{object} is {}, and should be {}.",
            kind.name(),
            is(&found.value),
            is(&expected.value)
        ),
        Kind::Policy => format!("The policy {object} of the table {table} is not torii's any more."),
        Kind::Function => format!("The function {object} is not torii's any more."),
        Kind::Check if expected.value.is_empty() => {
            format!("The condition {} of the table {table} is {}.", found.name, found.value)
        }
        Kind::Check => format!("The condition {object} of the table {table} is {}.", is(&found.value)),
        kind => format!("The {} {object} of the table {table} is {}.", kind.name(), found.value),
    }
}

/// What is wrong with something that torii did not make. Most of it is nobody's business.
fn unexpected(found: &Fact, all: Found<'_>, known: Known) -> Option<Problem> {
    let Fact { kind, table, object, value, name } = found;
    let problem = match kind {
        Kind::Type => {
            let is = |kind, value: &str| all.get(kind, table, object).is_some_and(|fact| fact.value == value);
            if is(Kind::Null, "not null") && is(Kind::Default, "") {
                Problem::new(
                    "required_column",
                    format!("The table {table} has a column {object} that is not torii's and has no default: torii cannot write rows."),
                )
                .remedy("Give it a default, allow NULL, or move it into a table of the application.")
            } else {
                Problem::note("foreign_column", format!("The table {table} has a column {object} that is not torii's."))
            }
        }
        // The primary key once more.
        Kind::Unique if object == "(id)" => return None,
        Kind::Unique if !object.contains("tenant_id") => Problem::new(
            "unique_across_tenants",
            format!("{object} of the table {table} is unique across tenants ({name}): one tenant can notice and hinder another."),
        )
        .remedy("Drop it. torii's own unique keys begin with tenant_id."),
        Kind::Unique => Problem::note("foreign_unique_key", format!("The table {table} has a unique key {object} that is not torii's ({name}).")),
        Kind::ForeignKey => Problem::note(
            "foreign_foreign_key",
            format!("The table {table} has a foreign key {object} that is not torii's."),
        ),
        Kind::Policy if known.row_level_security && value.contains("permissive") => Problem::new(
            "foreign_policy",
            format!("The table {table} has a policy {object} that is not torii's: it may show what torii's policies hide."),
        )
        .sql(format!("DROP POLICY {} ON {table};", remedy::quoted(known.engine, object))),
        _ => return None,
    };
    Some(problem.of(table))
}

#[cfg(test)]
mod tests;
