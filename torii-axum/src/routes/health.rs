//! `GET /health`: whether the application works. It is about the database and not about any tenant.

use axum::{Json, extract::State, http::Method};
use torii::RepositoryProvider;

use super::{Access, Route};
use crate::{error::Result, router::RouterState, types::HealthResponse};

pub(super) fn routes<R: RepositoryProvider>() -> [Route<R>; 1] {
    [Route::new(Method::GET, "/health", Access::Operator, health::<R>)]
}

async fn health<R: RepositoryProvider>(State(state): State<RouterState<R>>) -> Result<Json<HealthResponse>> {
    state.torii.health_check().await?;
    Ok(Json(HealthResponse { status: "healthy".to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() }))
}
