#![doc = include_str!("../README.md")]
#![allow(missing_docs, reason = "a program; what is public is so for its own tests")]

use std::sync::Arc;

use axum::{Router, http::header, middleware::from_fn_with_state, routing::get};
use torii::{MailerConfig, Torii, ToriiBuilder, ToriiBuilderError, sqlite::SqliteRepositoryProvider};
use torii_axum::{AuthSettings, CookieConfig, HasTorii, LinkConfig, auth_middleware};

mod api;
mod page;

type Db = SqliteRepositoryProvider;

/// What handlers and middleware share.
#[derive(Clone)]
pub struct AppState {
    pub torii: Arc<Torii<Db>>,
}

impl HasTorii<Db> for AppState {
    fn torii(&self) -> &Torii<Db> {
        &self.torii
    }
}

/// Opens the database.
///
/// # Errors
/// [`ToriiBuilderError`] if it cannot be opened, or the mailer cannot be made.
pub async fn open(database: &str, mailer: MailerConfig) -> Result<AppState, ToriiBuilderError> {
    let torii = ToriiBuilder::new().with_sqlite(database).await?;
    let torii = torii.with_mailer(mailer).apply_migrations(true).build().await?;
    Ok(AppState { torii: Arc::new(torii) })
}

/// The whole application, whose mails lead to `origin`, such as `http://localhost:3000`.
pub fn app(state: AppState, origin: &str) -> Router {
    let settings = AuthSettings::new()
        // For plain HTTP. In production, `CookieConfig::default()`.
        .with_cookie(CookieConfig::development())
        // To the page, not to the routes under `/auth`: following a link must not use it up.
        .with_links(LinkConfig::new(origin).with_path_prefix(""));
    let auth = torii_axum::routes(Arc::clone(&state.torii)).with_settings(settings).build();

    Router::new()
        .route("/", get(page::page))
        .route("/magic-link/verify", get(page::page))
        .route("/password/reset", get(page::page))
        .route("/page.js", get(([(header::CONTENT_TYPE, "text/javascript")], include_str!("../assets/page.js"))))
        .route("/page.css", get(([(header::CONTENT_TYPE, "text/css")], include_str!("../assets/page.css"))))
        .route("/public", get(api::public))
        .route("/protected", get(api::protected))
        .route("/optional", get(api::optional))
        .route("/bearer-only", get(api::bearer_only))
        .route("/token-info", get(api::token_info))
        .with_state(state.clone())
        .nest("/auth", auth)
        .layer(from_fn_with_state(state, auth_middleware::<AppState, Db>))
}
