//! `torii verify`.

use serde_json::{Value, json};
use torii_migration::{MigrationError, MigrationStatus};

use super::status::{newest, version};
#[cfg(feature = "postgres")]
use crate::database::Connection;
use crate::{
    args::VerifyArguments,
    database::{Access, Database},
    exit::Exit,
    failure::Failure,
    output::{Answer, Mark, Text},
    problem::{Problem, Severity},
    schema::{self, Known},
    target::{Engine, Target},
};

mod rows;
mod server;
#[cfg(feature = "postgres")]
mod wall;

pub(crate) async fn run(target: &Target, arguments: &VerifyArguments) -> Result<Box<dyn Answer>, Failure> {
    let (database, mut connection) = Database::open(target, Access::Read).await?;
    let server = schema::server_version(&mut connection).await?;
    let mut verified = Verified { server, checked: vec!["history"], ..Verified::default() };
    if arguments.row_level_security && target.engine != Engine::Postgres {
        verified.problems.push(
            Problem::new("no_row_level_security", format!("{} has no row-level security.", target.engine.name()))
                .remedy("Leave out --row-level-security: keys and predicates keep tenants apart."),
        );
    }

    let status = history(&database, &mut verified).await?;
    let is_there = status.as_ref().is_none_or(|status| version(status) > 0);
    if !is_there {
        return Ok(Box::new(verified));
    }

    let facts = schema::facts(&mut connection).await?;
    #[cfg(feature = "postgres")]
    let wall = match &mut connection {
        Connection::Postgres(connection) => Some(wall::Wall::look(connection).await?),
        #[allow(unreachable_patterns, reason = "not with every set of features")]
        _ => None,
    };
    #[cfg(feature = "postgres")]
    let (has_wall, hides_rows) = wall.as_ref().map_or((false, false), |wall| (wall.is_there(), wall.hides_rows()));
    #[cfg(not(feature = "postgres"))]
    let (has_wall, hides_rows) = (false, false);

    // With steps missing, the tables are not yet what they should be.
    if status.as_ref().is_none_or(|status| version(status) == newest(status)) {
        let adopted = status.as_ref().map_or_else(|| true, |status| status.adopted.is_some());
        let known = Known { engine: target.engine, adopted, row_level_security: has_wall };
        let expected = schema::expected(&connection).await?;
        verified.problems.extend(schema::compare(&expected, &facts, known));
        verified.checked.push("schema");
    }
    if hides_rows {
        verified.problems.push(hidden(arguments.row_level_security));
    } else {
        verified.problems.extend(rows::check(&mut connection, &facts).await?);
        verified.checked.push("rows");
    }
    #[cfg(feature = "postgres")]
    if let Some(wall) = wall {
        let problems = wall.check(arguments.row_level_security, &verified.problems);
        verified.problems.extend(problems);
        verified.checked.push("row_level_security");
    }
    verified.problems.extend(server::check(&mut connection).await?);
    verified.checked.push("server");
    // The worst first; otherwise in the order they were found in.
    verified.problems.sort_by_key(|problem| problem.severity);
    Ok(Box::new(verified))
}

/// What has been applied; `None` if the history itself is wrong, which is noted.
async fn history(database: &Database, verified: &mut Verified) -> Result<Option<MigrationStatus>, Failure> {
    let status = match database.status().await {
        Ok(status) => status,
        Err(error @ (MigrationError::ChecksumMismatch { .. } | MigrationError::HistoryMismatch { .. })) => {
            verified.problems.push(Problem::new("history", format!("{error}.")).of("_torii_schema").remedy(
                "Somebody edited the rows of _torii_schema, or a build with other steps made this database. Restore the \
                 rows from a copy; if the schema below is well, nothing else is wrong.",
            ));
            return Ok(None);
        }
        Err(error) => return Err(error.into()),
    };
    verified.version = Some(version(&status));
    if version(&status) == 0 {
        let message = match status.adoptable {
            Some(older) => format!("This is a database of {older}, which has not been taken over."),
            None => "torii has no tables in this database.".to_owned(),
        };
        verified
            .problems
            .push(Problem::new("no_schema", message).remedy("`torii migrate --dry-run`, then `torii migrate`."));
    } else if !status.is_up_to_date() {
        let names: Vec<String> = status.pending.iter().map(|step| format!("{} {}", step.version, step.name)).collect();
        verified.problems.push(
            Problem::new("pending", format!("Steps have not been applied: {}.", names.join(", ")))
                .remedy("`torii migrate`. The tables are compared once it is done."),
        );
    }
    Ok(Some(status))
}

fn hidden(is_expected: bool) -> Problem {
    const CODE: &str = "rows_not_checked";
    const MESSAGE: &str = "Rows were not examined: policies hide them from this role.";
    let problem = if is_expected { Problem::note(CODE, MESSAGE) } else { Problem::new(CODE, MESSAGE) };
    problem.remedy("Verify as a role with BYPASSRLS too, such as the one that makes copies.")
}

/// What was found.
#[derive(Default)]
struct Verified {
    server: String,
    version: Option<i64>,
    checked: Vec<&'static str>,
    problems: Vec<Problem>,
}

impl Verified {
    fn count(&self, severity: Severity) -> usize {
        self.problems.iter().filter(|problem| problem.severity == severity).count()
    }
}

impl Answer for Verified {
    fn exit(&self) -> Exit {
        if self.count(Severity::Problem) == 0 { Exit::Well } else { Exit::Found }
    }

    fn json(&self) -> serde_json::Result<Value> {
        Ok(json!({
            "server_version": self.server,
            "version": self.version,
            "checked": self.checked,
            "problems": self.count(Severity::Problem),
            "notes": self.count(Severity::Note),
            "findings": serde_json::to_value(&self.problems)?,
        }))
    }

    fn write(&self, text: &mut Text) {
        text.pair("server", &self.server);
        if let Some(version) = self.version {
            text.pair("version", &version.to_string());
        }
        text.pair("examined", &self.checked.join(", "));
        for problem in &self.problems {
            text.blank();
            let mark = if problem.severity == Severity::Problem { Mark::Problem } else { Mark::Note };
            text.item(mark, &problem.message);
            if !problem.examples.is_empty() {
                text.words(2, &format!("Such as {}.", problem.examples.join("; ")));
            }
            if let Some(remedy) = &problem.remedy {
                text.words(2, remedy);
            }
            if let Some(sql) = &problem.sql {
                text.verbatim(4, sql);
            }
        }
        text.blank();
        match self.count(Severity::Problem) {
            0 => text.item(Mark::Well, "nothing is wrong."),
            1 => text.item(Mark::Problem, "1 thing has to be mended."),
            count => text.item(Mark::Problem, &format!("{count} things have to be mended.")),
        }
    }
}
