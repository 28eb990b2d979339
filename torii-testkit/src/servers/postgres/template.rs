//! The database that tests get copies of: copying one is faster than bringing one up to date.

use sqlx::{
    Connection as _, PgConnection,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use tokio::sync::OnceCell;

use super::database::administer;
use crate::ManualClock;

/// Held while the template is made: all processes of a run, and all runs that share a server, need it at once.
const LOCK: i64 = i64::from_be_bytes(*b"torii-tt");

/// The name of the template. The first call makes it, unless the server has it from an earlier run.
pub(super) async fn name(server: &PgConnectOptions) -> &'static str {
    static NAME: OnceCell<String> = OnceCell::const_new();
    NAME.get_or_init(|| async { make(server).await.expect("a template for databases can be made") }).await
}

async fn make(server: &PgConnectOptions) -> sqlx::Result<String> {
    // Another schema is another template.
    let fingerprint = torii_migration::postgres::fingerprint();
    let version: String = fingerprint[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    let name = format!("torii_template_{version}");

    let mut connection = PgConnection::connect_with(server).await?;
    sqlx::query("SELECT pg_advisory_lock($1)").bind(LOCK).execute(&mut connection).await?;
    let exists: bool = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM pg_database WHERE datname = $1)")
        .bind(&name)
        .fetch_one(&mut connection)
        .await?;
    if !exists {
        let unfinished = format!("{name}_new");
        administer(
            server,
            [
                format!("DROP DATABASE IF EXISTS {unfinished} WITH (FORCE)"),
                format!("CREATE DATABASE {unfinished} TEMPLATE template0"),
            ],
        )
        .await?;
        migrate(server.clone().database(&unfinished)).await?;
        // It has its name when it is complete. Nobody may connect to it: a database in use cannot be copied.
        administer(
            server,
            [
                format!("ALTER DATABASE {unfinished} ALLOW_CONNECTIONS false"),
                format!("ALTER DATABASE {unfinished} RENAME TO {name}"),
            ],
        )
        .await?;
    }
    connection.close().await?;
    Ok(name)
}

async fn migrate(options: PgConnectOptions) -> sqlx::Result<()> {
    let pool = PgPoolOptions::new().max_connections(1).connect_lazy_with(options);
    torii_migration::postgres::migrate(&pool, &ManualClock::default())
        .await
        .map_err(|error| sqlx::Error::Configuration(error.into()))?;
    pool.close().await;
    Ok(())
}
