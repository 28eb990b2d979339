//! The statements of the upgrade.

use super::{
    application::Additions,
    rows::select,
    work::{list, quoted},
};
use crate::{
    PlannedStep,
    legacy::{LOCKOUT_ATTEMPTS, LOCKOUT_MINUTES, Legacy, Present},
};

const INITIAL: &str = include_str!("../../../sql/sqlite/0001_initial.sql");

/// How an old table gets out of the way.
pub(super) enum Aside {
    /// Under another name.
    Rename(String),
    /// Copied and dropped, because a foreign key of its own would keep users from being deleted, or follow them.
    Copy { copy: String, compare: String, drop: String },
}

/// How `present` gets out of the way.
pub(super) fn aside(present: &Present, columns: &[(String, String)], has_foreign_keys: bool) -> Aside {
    let (old, backup) = (quoted(present.table.source), quoted(&present.backup()));
    if !has_foreign_keys {
        return Aside::Rename(format!("ALTER TABLE main.{old} RENAME TO {backup};"));
    }
    let names = list(columns.iter().map(|(name, _)| name.as_str()));
    let definitions: Vec<_> = columns.iter().map(|(name, kind)| format!("{} {kind}", quoted(name))).collect();
    let of = |table: &str| {
        columns.iter().map(|(name, _)| format!("{table}.{}", quoted(name))).collect::<Vec<_>>().join(", ")
    };
    Aside::Copy {
        copy: format!(
            "CREATE TABLE main.{backup} ({});\n\
             INSERT INTO main.{backup} (rowid, {names}) SELECT rowid, {names} FROM main.{old} ORDER BY rowid;",
            definitions.join(", ")
        ),
        compare: format!(
            "SELECT count(*) FROM main.{old} AS a JOIN main.{backup} AS b ON b.rowid = a.rowid WHERE ({}) IS ({})",
            of("a"),
            of("b")
        ),
        drop: format!("DROP TABLE main.{old};"),
    }
}

/// The statements that make today's tables, and those that make their indexes: quicker after the rows are in.
pub(super) fn schema() -> (String, String) {
    let (mut tables, mut indexes) = (String::new(), String::new());
    // No comment and no literal in the file holds a semicolon.
    for statement in INITIAL.split_inclusive(';') {
        let begins = |line: &str| line.starts_with("CREATE INDEX") || line.starts_with("CREATE UNIQUE INDEX");
        let part = if statement.lines().any(begins) { &mut indexes } else { &mut tables };
        part.push_str(statement);
    }
    (tables, indexes)
}

/// Goes on counting the wrong passwords of the last minutes. `?1` is when those begin.
pub(super) fn lockouts() -> String {
    // Whole seconds: what is later than a second sorts after it.
    let locked_until = format!(
        "strftime('%Y-%m-%dT%H:%M:%S', max(max(attempted_at), coalesce(max(users.locked_at), '')), '+{LOCKOUT_MINUTES} minutes') || '+00:00'"
    );
    format!(
        "INSERT INTO main.lockouts (email_key, failures, window_started_at, locked_until) \
         SELECT tried.email, count(*), min(attempted_at), \
             CASE WHEN count(*) >= {LOCKOUT_ATTEMPTS} OR max(users.locked_at) > ?1 THEN {locked_until} END \
         FROM main.failed_login_attempts AS tried \
         LEFT JOIN main.users ON users.email_key = tried.email AND users.tenant_id = tried.tenant_id \
         WHERE attempted_at > ?1 GROUP BY tried.email"
    )
}

/// The upgrade, for people.
pub(super) fn describe(legacy: &Legacy, asides: &[(&Present, Aside)], additions: &Additions) -> Vec<PlannedStep> {
    let mut steps = vec![PlannedStep::new(
        "begin",
        "PRAGMA foreign_keys = OFF;\nPRAGMA legacy_alter_table = ON;\nBEGIN IMMEDIATE;\n\
         -- Every row is examined; rows that nobody could answer for stop the upgrade here.",
    )];
    let dropped: Vec<_> = additions.drop_objects().collect();
    if !dropped.is_empty() {
        steps.push(PlannedStep::new(
            "free the names of the application's indexes and triggers of users",
            dropped.join("\n"),
        ));
    }
    for (present, aside) in asides {
        let sql = match aside {
            Aside::Rename(sql) => sql.clone(),
            Aside::Copy { copy, compare, drop } => format!("{copy}\n-- Must find every row:\n{compare};\n{drop}"),
        };
        steps.push(PlannedStep::new(format!("move {} out of the way", present.table.source), sql));
    }
    let (tables, indexes) = schema();
    steps.push(PlannedStep::new("make today's tables", tables.trim()));
    if let Some(sql) = additions.add_columns() {
        steps.push(PlannedStep::new("make the application's columns of users again", sql));
    }
    for present in &legacy.tables {
        let table = present.table;
        let sql = format!(
            "-- In batches:\n{};\nINSERT INTO main.{} ({}) VALUES ..;\n-- Then every row is read again and compared.",
            select(present, &present.backup()),
            table.target,
            table.target_columns()
        );
        steps.push(PlannedStep::new(format!("copy {}", table.source), sql));
    }
    if let Some(sql) = legacy.find("users").and_then(|users| additions.fill_columns(&users.backup())) {
        steps.push(PlannedStep::new("copy the application's columns of users", format!("{sql};")));
    }
    if legacy.find("failed_login_attempts").is_some() {
        steps.push(PlannedStep::new("count the wrong passwords of the last minutes", format!("{};", lockouts())));
    }
    steps.push(PlannedStep::new("make today's indexes", indexes.trim()));
    let made: Vec<_> = additions.make_objects().collect();
    if !made.is_empty() {
        steps.push(PlannedStep::new("make the application's indexes and triggers of users again", made.join("\n")));
    }
    steps.push(PlannedStep::new(
        "end",
        "-- No foreign key may be broken that was not.\nCOMMIT;\nPRAGMA legacy_alter_table = OFF;\nPRAGMA foreign_keys = ON;",
    ));
    steps
}
