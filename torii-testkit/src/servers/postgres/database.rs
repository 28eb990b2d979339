//! A database for one test.

use std::{
    sync::{Mutex, PoisonError},
    thread,
};

use sqlx::{
    ConnectOptions as _, Connection as _, PgConnection, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use uuid::Uuid;

/// A database that exists until this value is dropped.
#[derive(Debug)]
pub struct PostgresDatabase {
    server: PgConnectOptions,
    name: String,
    roles: Mutex<Vec<String>>,
}

impl PostgresDatabase {
    /// Makes one like `template`.
    pub(super) async fn copy(server: PgConnectOptions, template: &str) -> Self {
        let name = format!("torii_test_{}", Uuid::new_v4().simple());
        administer(&server, [format!("CREATE DATABASE {name} TEMPLATE {template}")])
            .await
            .expect("a database can be made on the server (of TORII_TEST_POSTGRES_URL, if that is set)");
        Self { server, name, roles: Mutex::default() }
    }

    /// How to connect to it, as its owner.
    pub fn options(&self) -> PgConnectOptions {
        self.server.clone().database(&self.name)
    }

    /// Its address, as its owner.
    pub fn url(&self) -> String {
        self.options().to_url_lossy().to_string()
    }

    /// A pool that has not connected yet. Four connections: many tests share one server.
    pub fn pool(&self) -> PgPool {
        PgPoolOptions::new().max_connections(4).connect_lazy_with(self.options())
    }

    /// Makes a role that may log in and nothing else, and says how to connect as it. It exists as long as the database.
    ///
    /// # Panics
    /// If the server's own role may not make roles.
    pub async fn role(&self) -> PgConnectOptions {
        let role = format!("torii_role_{}", Uuid::new_v4().simple());
        let password = Uuid::new_v4().simple().to_string();
        administer(
            &self.server,
            [format!("CREATE ROLE {role} LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE PASSWORD '{password}'")],
        )
        .await
        .expect("a role can be made");
        self.roles.lock().unwrap_or_else(PoisonError::into_inner).push(role.clone());
        self.options().username(&role).password(&password)
    }
}

impl Drop for PostgresDatabase {
    fn drop(&mut self) {
        let roles = std::mem::take(self.roles.get_mut().unwrap_or_else(PoisonError::into_inner));
        let mut statements = vec![format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name)];
        statements.extend(roles.into_iter().map(|role| format!("DROP ROLE {role}")));
        let server = self.server.clone();
        // Often dropped inside a runtime, which must not be entered again.
        let dropping = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(administer(&server, statements)).map_err(std::io::Error::other)
        });
        // A database that stays is in nobody's way, and this may be the end of a test that failed.
        if let Ok(Err(error)) = dropping.join() {
            tracing::warn!(%error, database = self.name, "a test's database could not be dropped");
        }
    }
}

/// Runs statements, each by itself, in the database for administration. Names and passwords in them are made here, of letters
/// and digits: neither can be bound.
pub(super) async fn administer(
    server: &PgConnectOptions,
    statements: impl IntoIterator<Item = String>,
) -> sqlx::Result<()> {
    let mut connection = PgConnection::connect_with(server).await?;
    for statement in statements {
        sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(&mut connection).await?;
    }
    connection.close().await
}
