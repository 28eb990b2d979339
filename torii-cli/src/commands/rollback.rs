//! `torii rollback`: takes torii's tables away where nothing would be lost. Steps 1 and 2 belong together, so there is one way
//! back: to a database without torii.

use std::time::Duration;

use serde_json::{Value, json};
use torii_migration::{MigrationStatus, OlderVersion};

use super::status::version;
use crate::{
    args::RollbackArguments,
    database::{Access, Database},
    exit::Exit,
    failure::Failure,
    output::{Answer, Mark, Text},
    schema::{self, Fact, Kind, TABLES},
    target::Target,
};

mod drop;
mod obstacles;

/// The newest step that can be undone. A later one has to say here what it made, and whether that may be empty.
const UNDONE_UP_TO: i64 = 2;

pub(crate) async fn run(target: &Target, arguments: &RollbackArguments) -> Result<Box<dyn Answer>, Failure> {
    let patience = Duration::from_secs(arguments.lock_timeout);
    let access = if arguments.yes { Access::Write(patience) } else { Access::Read };
    let (database, mut connection) = Database::open(target, access).await?;
    let status = database.status().await?;
    if version(&status) == 0 {
        let older = status.adoptable;
        return Ok(Box::new(Undone { is_done: arguments.yes, older, tables: Vec::new() }));
    }
    let mut reasons = of_history(&status);
    if reasons.is_empty() {
        let facts = schema::facts(&mut connection).await?;
        reasons.extend(of_columns(&facts, &schema::expected(&connection).await?));
        reasons.extend(obstacles::find(&mut connection, &facts).await?);
    }
    if !reasons.is_empty() {
        return Err(Failure::NoWayBack { reasons });
    }
    if arguments.yes {
        drop::drop_tables(&mut connection, patience).await?;
    }
    let tables = TABLES.into_iter().chain(["_torii_schema"]).collect();
    Ok(Box::new(Undone { is_done: arguments.yes, older: None, tables }))
}

/// What stands in the way whatever the tables hold.
fn of_history(status: &MigrationStatus) -> Vec<String> {
    let mut reasons = Vec::new();
    if let Some(adopted) = &status.adopted {
        reasons.push(format!(
            "this database was taken over from {}, and the backup tables hold its rows without keys, indexes and what the \
             application had on them. To go back to the older version, restore the copy that was made before",
            adopted.from
        ));
    }
    reasons.extend(
        status
            .applied
            .iter()
            .filter(|step| step.version > UNDONE_UP_TO)
            .map(|step| format!("what step {} ({}) changed cannot be changed back", step.version, step.name)),
    );
    reasons
}

/// Columns that the application added to torii's tables would go with them.
fn of_columns(facts: &[Fact], expected: &[Fact]) -> Vec<String> {
    facts
        .iter()
        .filter(|fact| fact.kind == Kind::Type && !expected.iter().any(|other| other.is_about(fact)))
        .map(|fact| format!("the column {}.{} is not torii's, and would be lost", fact.table, fact.object))
        .collect()
}

/// What was or would be dropped.
struct Undone {
    is_done: bool,
    /// The older version whose database it is.
    older: Option<OlderVersion>,
    tables: Vec<&'static str>,
}

impl Answer for Undone {
    fn exit(&self) -> Exit {
        Exit::Well
    }

    fn json(&self) -> serde_json::Result<Value> {
        Ok(
            json!({ "dry_run": !self.is_done, "drops": self.tables, "version": if self.is_done { Some(0) } else { None } }),
        )
    }

    fn write(&self, text: &mut Text) {
        if let Some(older) = self.older {
            let message =
                format!("this is a database of {older}, which has not been taken over: there is nothing to roll back.");
            text.item(Mark::Well, &message);
        } else if self.tables.is_empty() {
            text.item(Mark::Well, "torii has no tables in this database: there is nothing to roll back.");
        } else if self.is_done {
            text.pair("dropped", &self.tables.join(", "));
            text.item(Mark::Well, "torii's tables are gone. They held nothing but the default tenant.");
        } else {
            text.pair("would be dropped", &self.tables.join(", "));
            text.words(
                0,
                "They hold nothing but the default tenant. Nothing was changed; `torii rollback --yes` does it.",
            );
        }
    }
}
