//! Storage backends by name.

/// SQLite through sqlx.
#[cfg(feature = "sqlite")]
pub mod sqlite {
    pub use torii_storage_sqlite::{SqliteRepositoryProvider, SqliteStorage};
}

/// PostgreSQL through sqlx.
#[cfg(feature = "postgres")]
pub mod postgres {
    pub use torii_storage_postgres::{PostgresRepositoryProvider, PostgresStorage, RowLevelSecurityError};
}
