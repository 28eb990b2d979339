//! A database for one test.

use std::{
    sync::{Mutex, PoisonError},
    thread,
};

use sqlx::{
    ConnectOptions as _, Connection as _, MySqlConnection, MySqlPool,
    mysql::{MySqlConnectOptions, MySqlPoolOptions},
};
use uuid::Uuid;

use crate::ManualClock;

/// A database that exists until this value is dropped.
#[derive(Debug)]
pub struct MysqlDatabase {
    server: MySqlConnectOptions,
    name: String,
    accounts: Mutex<Vec<String>>,
}

impl MysqlDatabase {
    /// Makes one with nothing in it.
    pub(super) async fn create(server: MySqlConnectOptions) -> Self {
        let name = format!("torii_test_{}", Uuid::new_v4().simple());
        let create = format!("CREATE DATABASE {name} CHARACTER SET latin1 COLLATE latin1_swedish_ci");
        administer(&server, [create])
            .await
            .expect("a database can be made on the server (of TORII_TEST_MYSQL_URL, if that is set)");
        Self { server, name, accounts: Mutex::default() }
    }

    /// Brings its schema up to date.
    pub(super) async fn migrate(&self) {
        let pool = self.pool();
        torii_migration::mysql::migrate(&pool, &ManualClock::default())
            .await
            .expect("the schema can be brought up to date");
        pool.close().await;
    }

    /// Its name on the server.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How to connect to it, as an account that may do everything.
    pub fn options(&self) -> MySqlConnectOptions {
        self.server.clone().database(&self.name)
    }

    /// Its address, for an account that may do everything.
    pub fn url(&self) -> String {
        self.options().to_url_lossy().to_string()
    }

    /// A pool that has not connected yet. Four connections: many tests share one server.
    pub fn pool(&self) -> MySqlPool {
        MySqlPoolOptions::new().max_connections(4).connect_lazy_with(self.options())
    }

    /// Makes an account that has these privileges on this database (such as `SELECT, INSERT`) and no others, and says how to
    /// connect as it. It exists as long as the database.
    ///
    /// # Panics
    /// If the server's own account may not make accounts.
    pub async fn account(&self, privileges: &'static str) -> MySqlConnectOptions {
        // MySQL's names have at most 32 characters.
        let account = format!("torii_{}", &Uuid::new_v4().simple().to_string()[..20]);
        let password = Uuid::new_v4().simple().to_string();
        let statements = [
            format!("CREATE USER {account}@'%' IDENTIFIED BY '{password}'"),
            format!("GRANT {privileges} ON {}.* TO {account}@'%'", self.name),
        ];
        administer(&self.server, statements).await.expect("an account can be made");
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner).push(account.clone());
        self.options().username(&account).password(&password)
    }
}

impl Drop for MysqlDatabase {
    fn drop(&mut self) {
        let accounts = std::mem::take(self.accounts.get_mut().unwrap_or_else(PoisonError::into_inner));
        let (server, name) = (self.server.clone(), self.name.clone());
        // Often dropped inside a runtime, which must not be entered again.
        let dropping = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(remove(&server, &name, accounts)).map_err(std::io::Error::other)
        });
        // A database that stays is in nobody's way, and this may be the end of a test that failed.
        if let Ok(Err(error)) = dropping.join() {
            tracing::warn!(%error, database = self.name, "a test's database could not be dropped");
        }
    }
}

/// Drops a database, even if it is in use: a transaction that is open in it would keep it from being dropped.
async fn remove(server: &MySqlConnectOptions, name: &str, accounts: Vec<String>) -> sqlx::Result<()> {
    let mut connection = server.connect().await?;
    let users: Vec<u64> =
        sqlx::query_scalar("SELECT CAST(id AS UNSIGNED) FROM information_schema.processlist WHERE db = ?")
            .bind(name)
            .fetch_all(&mut connection)
            .await?;
    connection.close().await?;
    for user in users {
        // One that has gone by itself in the meantime is an error, and none of ours.
        if let Err(error) = administer(server, [format!("KILL {user}")]).await {
            tracing::debug!(%error, "a connection could not be ended");
        }
    }
    let mut statements = vec!["SET lock_wait_timeout = 10".to_owned(), format!("DROP DATABASE {name}")];
    statements.extend(accounts.into_iter().map(|account| format!("DROP USER {account}@'%'")));
    administer(server, statements).await
}

/// Runs statements, each by itself, in no database. Names and passwords in them are made here, of letters and digits: neither
/// can be bound.
async fn administer(server: &MySqlConnectOptions, statements: impl IntoIterator<Item = String>) -> sqlx::Result<()> {
    let mut connection: MySqlConnection = server.connect().await?;
    for statement in statements {
        sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(&mut connection).await?;
    }
    connection.close().await
}
