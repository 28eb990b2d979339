//! Storage backends by name.

/// SQLite through sqlx.
#[cfg(feature = "sqlite")]
pub mod sqlite {
    pub use torii_storage_sqlite::{SqliteRepositoryProvider, SqliteStorage};
}

/// MySQL, MariaDB, PostgreSQL and SQLite through SeaORM.
#[cfg(any(feature = "seaorm-mysql", feature = "seaorm-postgres", feature = "seaorm-sqlite"))]
pub mod seaorm {
    pub use torii_storage_seaorm::{SeaORMRepositoryProvider, SeaORMStorage};
}

/// PostgreSQL through sqlx.
#[cfg(feature = "postgres")]
pub mod postgres {
    pub use torii_storage_postgres::{PostgresRepositoryProvider, PostgresStorage, RowLevelSecurityError};
}
