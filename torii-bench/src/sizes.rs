//! Bytes per row, indexes included. They depend on the schema and on what is in it, not on the machine: the inputs of the model.

use crate::{
    Result,
    args::{Database, Sizing},
    databases::{Seed, TableSize, interesting, mariadb, postgres, sqlite},
    report::{Fact, Report},
};

pub(crate) async fn run(settings: &Sizing) -> Result<Report> {
    let seed = Seed::new(settings.tenants, settings.users);
    let mut facts = Vec::new();
    for database in &settings.databases {
        let (group, sizes) = match database {
            Database::Sqlite => ("SQLite", sqlite::sizes(&sqlite::filled(&seed).await?).await?),
            Database::Postgres => ("PostgreSQL", postgres::sizes(&postgres::filled(&seed, false).await?).await?),
            Database::Mariadb => ("MariaDB", mariadb::sizes(&mariadb::filled(&seed).await?).await?),
        };
        for TableSize { table, rows, bytes } in interesting(sizes)? {
            facts.push(Fact::new(group, format!("{table}: rows"), rows as f64, ""));
            facts.push(Fact::new(group, format!("{table}: bytes per row"), bytes as f64 / rows as f64, "bytes"));
        }
    }
    Ok(Report { command: "sizes", settings: serde_json::to_value(settings)?, rows: Vec::new(), facts })
}
