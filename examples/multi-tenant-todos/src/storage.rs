//! The choice of a database. Everything else is generic over the provider.
//!
//! Another database is another arm of [`open`]: connect, hand over the clock, and say how todos are kept there.

use std::sync::Arc;

use axum::Router;
use secrecy::ExposeSecret;
use torii::{RepositoryProvider, postgres::PostgresStorage, sqlite::SqliteStorage};
use torii_core::repositories::TenantRepository;

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
            let provider = SqliteStorage::connect(&url).await?.into_repository_provider().with_clock(clock);
            let todos = Arc::new(provider.pool().clone());
            app::build(provider, todos, setup).await
        }
        "postgres" | "postgresql" => {
            let provider = PostgresStorage::connect(&url).await?.into_repository_provider().with_clock(clock);
            let todos = Arc::new(provider.pool().clone());
            app::build(provider, todos, setup).await
        }
        scheme => Err(StartError::UnknownDatabase(scheme.to_owned())),
    }
}
