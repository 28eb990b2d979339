//! What a database's tables are like, and what they should be like.

use crate::{database::Connection, failure::Failure, target::Engine};

mod check;
mod compare;
mod expected;
mod fact;
#[cfg(feature = "mysql")]
mod mysql;
mod partitions;
#[cfg(feature = "postgres")]
mod postgres;
mod remedy;
#[cfg(feature = "sqlite")]
mod sqlite;

pub(crate) use self::{
    compare::{Known, compare},
    expected::expected,
    fact::{Fact, Kind, facts},
    partitions::is_stand_in,
};

/// Torii's tables as a list of SQL's texts, for `concat!`.
macro_rules! tables {
    () => {
        "'tenants', 'users', 'sessions', 'oauth_accounts', 'oauth_states', 'passkeys', 'passkey_challenges', \
         'secure_tokens', 'lockouts', 'failed_login_attempts'"
    };
}
pub(crate) use tables;

/// Torii's tables: those that are referred to come last.
pub(crate) const TABLES: [&str; 10] = [
    "sessions",
    "oauth_accounts",
    "oauth_states",
    "passkeys",
    "passkey_challenges",
    "secure_tokens",
    "lockouts",
    "failed_login_attempts",
    "users",
    "tenants",
];

/// The version of the server, or of SQLite's library.
pub(crate) async fn server_version(connection: &mut Connection) -> Result<String, Failure> {
    let sql = match connection.engine() {
        Engine::Sqlite => "SELECT 'SQLite ' || sqlite_version()",
        Engine::Postgres => "SELECT 'PostgreSQL ' || current_setting('server_version')",
        Engine::Mysql => "SELECT CONCAT(IF(VERSION() LIKE '%mariadb%', 'MariaDB ', 'MySQL '), VERSION())",
    };
    connection.text(sql).await.map_err(Failure::database("ask for the version of the server"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_lists_name_the_same_tables() {
        let mut listed: Vec<&str> = tables!().split(", ").map(|name| name.trim_matches('\'')).collect();
        let mut tables = TABLES.to_vec();
        listed.sort_unstable();
        tables.sort_unstable();
        assert_eq!(listed, tables);
    }
}
