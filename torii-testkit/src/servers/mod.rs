//! Real database servers for tests.
//!
//! A server is private: started from installed programs, with a data folder of its own that is thrown away, reachable by
//! nobody else. All tests of one `cargo nextest run` share it, and all of one process under `cargo test`; it ends soon after
//! them, whatever ended them. A server that is there already is used instead if its address is in the environment.

#[cfg(feature = "mysql-server")]
mod mysql;
#[cfg(feature = "postgres-server")]
mod postgres;
mod programs;
mod run;
mod shutdown;
mod supervisor;

#[cfg(feature = "mysql-server")]
pub use self::mysql::{MysqlDatabase, MysqlServer, RestartableMysql};
#[cfg(feature = "postgres-server")]
pub use self::postgres::{PostgresDatabase, PostgresServer, RestartablePostgres};
pub use self::shutdown::Shutdown;
