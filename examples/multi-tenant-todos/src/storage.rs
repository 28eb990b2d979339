//! The choice of a database. Everything else is generic over the provider.
//!
//! Another database is another arm of [`open`]: connect, hand over the clock, and say how todos are kept there.

use std::sync::Arc;

use axum::Router;
use secrecy::ExposeSecret;
use torii::{RepositoryProvider, postgres::PostgresStorage, seaorm::SeaORMStorage, sqlite::SqliteStorage};
use torii_core::{Error, repositories::TenantRepository};

use crate::{
    app::{self, Setup, StartError},
    config::Database,
};

/// What the application asks of a database: torii's tables, and the registry of tenants.
pub trait Storage: RepositoryProvider + TenantRepository {}

impl<R: RepositoryProvider + TenantRepository> Storage for R {}

/// The application on the database that is configured.
///
/// # Errors
/// [`StartError`] if the database cannot be opened or brought up to date.
pub async fn open(database: &Database, setup: Setup) -> Result<Router, StartError> {
    let url = match database {
        Database::File(path) => format!("sqlite://{}?mode=rwc", path.display()),
        Database::Url(url) => url.expose_secret().to_owned(),
    };
    let clock = Arc::clone(&setup.clock);
    match url.split_once(':').map_or("", |(scheme, _)| scheme) {
        "sqlite" => {
            let storage = SqliteStorage::connect(&url).await.map_err(Error::from)?;
            let provider = storage.into_repository_provider().with_clock(clock);
            let todos = Arc::new(provider.pool().clone());
            app::build(provider, todos, setup).await
        }
        "postgres" | "postgresql" => {
            let storage = PostgresStorage::connect(&url).await.map_err(Error::from)?;
            let provider = storage.into_repository_provider().with_clock(clock);
            let todos = Arc::new(provider.pool().clone());
            app::build(provider, todos, setup).await
        }
        "mysql" | "mariadb" => {
            let storage = SeaORMStorage::connect(&url).await.map_err(Error::from)?;
            let provider = storage.into_repository_provider().with_clock(clock);
            let todos = Arc::new(provider.connection().get_mysql_connection_pool().clone());
            app::build(provider, todos, setup).await
        }
        scheme => Err(StartError::UnknownDatabase(scheme.to_owned())),
    }
}
