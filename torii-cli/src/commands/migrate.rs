//! `torii migrate`.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Value, json};
use torii_migration::{MigrateOptions, MigrationReport};

use super::adoption;
use crate::{
    args::MigrateArguments,
    database::{Access, Database, Plan},
    exit::Exit,
    failure::Failure,
    output::{Answer, Mark, Output, Text},
    target::Target,
};

pub(crate) async fn run(
    target: &Target,
    arguments: &MigrateArguments,
    output: &Output,
) -> Result<Box<dyn Answer>, Failure> {
    let patience = Duration::from_secs(arguments.lock_timeout);
    let mut options = MigrateOptions::new().lock_timeout(patience).drop_backup(arguments.drop_backup);
    if let Some(version) = arguments.to {
        options = options.to(version);
    }
    if arguments.dry_run {
        let (database, _) = Database::open(target, Access::Read).await?;
        return Ok(Box::new(Planned(database.plan(&options).await?)));
    }
    let (database, _) = Database::open(target, Access::Write(patience)).await?;
    let bar = bar(output);
    let shown = bar.clone();
    let options = options.on_progress(move |progress| {
        shown.set_length(progress.total);
        shown.set_message(format!("{} {}", progress.work, progress.table));
        shown.set_position(progress.done);
    });
    let report = database.migrate(&options).await;
    bar.finish_and_clear();
    Ok(Box::new(Migrated { report: report?, is_stopped: arguments.to.is_some() }))
}

/// Drawn once there is something to tell.
fn bar(output: &Output) -> ProgressBar {
    let target = if output.shows_progress() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let bar = ProgressBar::with_draw_target(None, target);
    match ProgressStyle::with_template("{msg:32} [{bar:20}] {pos}/{len}") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// What would be done.
struct Planned(Plan);

impl Answer for Planned {
    fn exit(&self) -> Exit {
        if self.0.is_refused() { Exit::Refused } else { Exit::Well }
    }

    fn json(&self) -> serde_json::Result<Value> {
        let steps: Vec<Value> = self.0.steps.iter().map(|(name, sql)| json!({ "name": name, "sql": sql })).collect();
        Ok(json!({
            "dry_run": true,
            "adopts": self.0.adopts.map(|version| version.as_str()),
            "steps": steps,
            "findings": adoption::json_of_findings(&self.0.findings),
            "refused": self.0.is_refused(),
        }))
    }

    fn write(&self, text: &mut Text) {
        if let Some(version) = self.0.adopts {
            text.pair("takes over", &format!("a database of {version}, into the tenant `default`"));
        }
        if self.0.steps.is_empty() {
            text.item(Mark::Well, "nothing to do.");
        } else {
            text.pair("would be done", &format!("{} pieces of work", self.0.steps.len()));
        }
        for (index, (name, sql)) in self.0.steps.iter().enumerate() {
            text.blank();
            text.words(0, &format!("{}. {name}", index + 1));
            text.verbatim(4, sql);
        }
        adoption::write_findings(text, &self.0.findings);
        if self.0.is_refused() {
            text.blank();
            text.item(Mark::Error, "the migration would refuse this database until somebody has corrected these rows.");
        } else if !self.0.steps.is_empty() {
            text.blank();
            text.words(0, "Nothing was changed. `torii migrate` does it.");
        }
    }
}

/// What was done.
struct Migrated {
    report: MigrationReport,
    /// Whether it was to stop at a version.
    is_stopped: bool,
}

impl Answer for Migrated {
    fn exit(&self) -> Exit {
        Exit::Well
    }

    fn json(&self) -> serde_json::Result<Value> {
        let applied: Vec<Value> = self.report.applied.iter().map(super::status::step).collect();
        let findings = self.report.adopted.as_ref().map(|adopted| adopted.findings.as_slice()).unwrap_or_default();
        Ok(json!({
            "dry_run": false,
            "version": self.report.version,
            "applied": applied,
            "adopted": self.report.adopted.as_ref().map(adoption::json),
            "dropped_backups": self.report.dropped_backups,
            "findings": adoption::json_of_findings(findings),
        }))
    }

    fn write(&self, text: &mut Text) {
        let report = &self.report;
        text.pair("version", &report.version.to_string());
        for step in &report.applied {
            text.pair("applied", &format!("{} {}", step.version, step.name));
        }
        if let Some(adopted) = &report.adopted {
            adoption::write(text, adopted);
            adoption::write_findings(text, &adopted.findings);
        }
        if !report.dropped_backups.is_empty() {
            text.pair("dropped", &report.dropped_backups.join(", "));
        }
        if report.applied.is_empty() && report.dropped_backups.is_empty() {
            text.item(Mark::Well, "there was nothing to do.");
        } else if self.is_stopped {
            let reached =
                format!("version {} is reached. `torii status` says whether there are newer ones.", report.version);
            text.item(Mark::Well, &reached);
        } else {
            text.item(Mark::Well, "the schema is up to date.");
        }
    }
}
