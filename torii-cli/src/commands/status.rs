//! `torii status`.

use serde_json::{Value, json};
use torii_migration::{MigrationStatus, StepRecord};

use super::adoption;
#[cfg(feature = "postgres")]
use crate::database::Connection;
use crate::{
    database::{Access, Database},
    exit::Exit,
    failure::Failure,
    output::{Answer, Mark, Text},
    schema,
    target::Target,
};

pub(crate) async fn run(target: &Target) -> Result<Box<dyn Answer>, Failure> {
    let (database, mut connection) = Database::open(target, Access::Read).await?;
    let status = database.status().await?;
    let server = schema::server_version(&mut connection).await?;
    #[cfg(feature = "postgres")]
    let row_level_security = match &mut connection {
        Connection::Postgres(connection) => Some(Wall::look(connection).await?),
        #[allow(unreachable_patterns, reason = "not with every set of features")]
        _ => None,
    };
    #[cfg(not(feature = "postgres"))]
    let row_level_security = None;
    Ok(Box::new(Status { status, server, row_level_security }))
}

/// A step, for scripts.
pub(super) fn step(step: &StepRecord) -> Value {
    json!({
        "version": step.version,
        "name": step.name,
        "finished_at": step.finished_at.map(|time| time.to_rfc3339()),
    })
}

/// The newest version that is applied; 0 for none.
pub(super) fn version(status: &MigrationStatus) -> i64 {
    status.applied.last().map_or(0, |step| step.version)
}

/// The newest version that this command knows.
pub(super) fn newest(status: &MigrationStatus) -> i64 {
    status.pending.last().map_or(0, |step| step.version).max(version(status))
}

struct Status {
    status: MigrationStatus,
    server: String,
    row_level_security: Option<Wall>,
}

/// Row-level security, in short.
pub(super) struct Wall {
    state: &'static str,
    unprotected: Vec<String>,
    role: String,
    binds_role: bool,
}

#[cfg(feature = "postgres")]
impl Wall {
    async fn look(connection: &mut sqlx::PgConnection) -> Result<Self, Failure> {
        let found = torii_migration::postgres::row_level_security(connection).await?;
        let state = match (found.is_enabled(), found.is_gone()) {
            (true, _) => "on",
            (false, true) => "off",
            (false, false) => "partly",
        };
        let unprotected = if state == "partly" { found.unprotected } else { Vec::new() };
        Ok(Self { state, unprotected, role: found.role, binds_role: !(found.superuser || found.bypasses) })
    }
}

impl Answer for Status {
    fn exit(&self) -> Exit {
        if self.status.is_up_to_date() { Exit::Well } else { Exit::Found }
    }

    fn json(&self) -> serde_json::Result<Value> {
        let wall = self.row_level_security.as_ref().map(|wall| {
            json!({
                "state": wall.state,
                "unprotected": wall.unprotected,
                "role": wall.role,
                "binds_role": wall.binds_role,
            })
        });
        Ok(json!({
            "server_version": self.server,
            "version": version(&self.status),
            "newest": newest(&self.status),
            "up_to_date": self.status.is_up_to_date(),
            "applied": self.status.applied.iter().map(step).collect::<Vec<_>>(),
            "pending": self.status.pending.iter().map(step).collect::<Vec<_>>(),
            "adopted": self.status.adopted.as_ref().map(adoption::json),
            "adoptable": self.status.adoptable.map(|version| version.as_str()),
            "row_level_security": wall,
        }))
    }

    fn write(&self, text: &mut Text) {
        text.pair("server", &self.server);
        text.pair("version", &format!("{} of {}", version(&self.status), newest(&self.status)));
        for step in &self.status.applied {
            let time = step.finished_at.map(|time| time.format(" (%Y-%m-%d %H:%M:%S UTC)").to_string());
            text.pair("applied", &format!("{} {}{}", step.version, step.name, time.unwrap_or_default()));
        }
        for step in &self.status.pending {
            text.pair("pending", &format!("{} {}", step.version, step.name));
        }
        if let Some(version) = self.status.adoptable {
            text.pair("can be taken over", &format!("a database of {version}"));
        }
        if let Some(adopted) = &self.status.adopted {
            adoption::write(text, adopted);
        }
        if let Some(wall) = &self.row_level_security {
            let tables = if wall.unprotected.is_empty() {
                String::new()
            } else {
                format!(", not on {}", wall.unprotected.join(", "))
            };
            let role = if wall.binds_role { "is bound by policies" } else { "is bound by no policy" };
            text.pair("row-level security", &format!("{}{tables}; the role {} {role}", wall.state, wall.role));
        }
        if self.status.is_up_to_date() {
            text.item(Mark::Well, "the schema is up to date.");
        } else {
            text.item(
                Mark::Problem,
                "the schema is not up to date. `torii migrate --dry-run` says what is to be done, `torii migrate` does it.",
            );
        }
    }
}
