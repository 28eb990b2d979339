//! Running the program, and making the databases that it is run on.

use std::{collections::BTreeSet, fs, path::PathBuf, process::Command};

use serde_json::Value;
use sqlx::{
    Connection as _, MySqlConnection, PgConnection, SqliteConnection, mysql::MySqlConnectOptions,
    postgres::PgConnectOptions, sqlite::SqliteConnectOptions,
};
use tempfile::TempDir;

/// What the program did.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// Runs the program. It finds the database in its environment.
pub(crate) fn torii(url: &str, arguments: &[&str]) -> Run {
    let mut command = Command::new(env!("CARGO_BIN_EXE_torii"));
    command.env("DATABASE_URL", url).args(arguments);
    for variable in ["PGPASSWORD", "NO_COLOR", "TERM"] {
        command.env_remove(variable);
    }
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Run { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
}

/// The same with `--json`: its answer, after what every answer has was looked at.
pub(crate) fn json(url: &str, arguments: &[&str]) -> (i32, Value) {
    let run = torii(url, &[arguments, &["--json"]].concat());
    let object: Value = serde_json::from_str(&run.out).unwrap_or_else(|error| panic!("{error}: {run:?}"));
    assert_eq!(run.err, "");
    assert_eq!(object["format"], 1);
    assert_eq!(object["command"], arguments[0]);
    assert_eq!(object["exit_code"], run.code);
    assert_eq!(object["torii"], env!("CARGO_PKG_VERSION"));
    assert_ne!(object.get("result").is_some(), object.get("error").is_some());
    (run.code, object)
}

/// The codes of everything that `verify` calls a problem, and those of its notes.
pub(crate) fn verify(url: &str, arguments: &[&str]) -> (BTreeSet<String>, BTreeSet<String>) {
    let (code, object) = json(url, &[&["verify"], arguments].concat());
    let findings = object["result"]["findings"].as_array().unwrap_or_else(|| panic!("{object:#}"));
    let of = |severity: &str| {
        let chosen = findings.iter().filter(|finding| finding["severity"] == severity);
        chosen.map(|finding| finding["code"].as_str().unwrap().to_owned()).collect::<BTreeSet<_>>()
    };
    let (problems, notes) = (of("problem"), of("note"));
    assert_eq!(code, i32::from(!problems.is_empty()), "{object:#}");
    // Each says how to mend it, or is a note.
    for finding in findings.iter().filter(|finding| finding["severity"] == "problem") {
        assert!(finding["remedy"].is_string() || finding["sql"].is_string(), "{finding:#}");
    }
    // For people it is the same.
    let run = torii(url, &[&["verify"], arguments].concat());
    assert_eq!(run.code, code);
    assert_narrow(&run.out);
    (problems, notes)
}

/// The finding of a code, and of a table.
pub(crate) fn finding(url: &str, code: &str, table: &str) -> Value {
    let (_, object) = json(url, &["verify"]);
    let findings = object["result"]["findings"].as_array().unwrap().clone();
    findings
        .into_iter()
        .find(|finding| finding["code"] == code && finding["table"] == table)
        .unwrap_or_else(|| panic!("no {code} of {table}: {object:#}"))
}

/// Text for people is at most 80 columns wide, but for statements, which are indented, and words that are wider.
pub(crate) fn assert_narrow(text: &str) {
    for line in text.lines() {
        let is_statement = line.starts_with("    ");
        let is_word = !line.trim().contains(' ');
        assert!(is_statement || is_word || line.chars().count() <= 80 || line.starts_with("database: "), "{line}");
        assert!(!line.contains('\x1b'), "{line:?}");
    }
}

/// The tables that hold an older version's rows.
pub(crate) fn backups(url: &str) -> Vec<Value> {
    json(url, &["status"]).1["result"]["adopted"]["backups"].as_array().unwrap().clone()
}

/// `migrate --drop-backup` says before what it would drop, and afterwards what it has dropped.
pub(crate) fn assert_drops_the_backup(url: &str) {
    let backups = backups(url);
    assert!(!backups.is_empty());
    let (code, object) = json(url, &["migrate", "--drop-backup", "--dry-run"]);
    let planned = object["result"]["steps"].as_array().unwrap();
    assert_eq!((code, planned.len()), (0, backups.len()), "{object:#}");
    for (step, backup) in planned.iter().zip(&backups) {
        assert!(step["sql"].as_str().unwrap().contains(backup.as_str().unwrap()), "{step:#}");
    }
    assert!(!torii(url, &["migrate", "--drop-backup", "--dry-run"]).out.contains("nothing to do"));
    assert_eq!(json(url, &["migrate"]).1["result"]["dropped_backups"], Value::Array(Vec::new()));
    let (code, object) = json(url, &["migrate", "--drop-backup"]);
    assert_eq!((code, &object["result"]["dropped_backups"]), (0, &Value::Array(backups)));
    assert!(torii(url, &["migrate", "--drop-backup", "--dry-run"]).out.contains("nothing to do"));
}

pub(crate) fn codes(codes: &[&str]) -> BTreeSet<String> {
    codes.iter().map(|code| (*code).to_owned()).collect()
}

/// A file for a database.
pub(crate) struct File {
    folder: TempDir,
}

impl File {
    /// Which does not exist yet.
    pub(crate) fn missing() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    /// With these statements done to it. Foreign keys are off meanwhile.
    pub(crate) async fn with(sql: &'static str) -> Self {
        let file = Self::missing();
        file.execute(sql).await;
        file
    }

    /// With today's schema.
    pub(crate) fn migrated() -> Self {
        let file = Self::missing();
        let run = torii(&file.creating(), &["migrate"]);
        assert_eq!(run.code, 0, "{run:?}");
        file
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("app.db")
    }

    pub(crate) fn url(&self) -> String {
        format!("sqlite://{}", self.path().display())
    }

    pub(crate) fn creating(&self) -> String {
        format!("{}?mode=rwc", self.url())
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        fs::read(self.path()).unwrap()
    }

    pub(crate) async fn connection(&self) -> SqliteConnection {
        let options = SqliteConnectOptions::new().filename(self.path()).create_if_missing(true).foreign_keys(false);
        SqliteConnection::connect_with(&options).await.unwrap()
    }

    pub(crate) async fn execute(&self, sql: &'static str) {
        let mut connection = self.connection().await;
        sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    }

    pub(crate) async fn count(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(&mut self.connection().await).await.unwrap()
    }
}

/// The address of a PostgreSQL with a setting of its sessions.
pub(crate) fn with_setting(url: &str, name: &str, value: &str) -> String {
    let separator = if url.contains('?') { '&' } else { '?' };
    format!("{url}{separator}options[{name}]={value}")
}

pub(crate) async fn on_postgres(options: &PgConnectOptions, sql: &str) {
    let mut connection = PgConnection::connect_with(options).await.unwrap();
    sqlx::raw_sql(safe(sql)).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

pub(crate) async fn on_mysql(options: &MySqlConnectOptions, sql: &str) {
    let mut connection = MySqlConnection::connect_with(options).await.unwrap();
    sqlx::raw_sql(safe(sql)).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

#[expect(clippy::disallowed_types, reason = "statements of tests and files of this repository")]
pub(crate) fn safe(sql: &str) -> sqlx::AssertSqlSafe<String> {
    sqlx::AssertSqlSafe(sql.to_owned())
}

/// A fixture without what only psql understands, and without settings that would outlive the file.
pub(crate) fn for_postgres(fixture: &str) -> String {
    let is_sql = |line: &&str| {
        !line.starts_with('\\')
            && !line.contains(" EXTENSION ")
            && !line.contains("'search_path'")
            && !line.starts_with("SET ")
    };
    fixture.lines().filter(is_sql).collect::<Vec<_>>().join("\n")
}
