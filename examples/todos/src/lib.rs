#![doc = include_str!("../README.md")]
#![allow(missing_docs, reason = "a program; what is public is so for its own tests")]

use std::sync::Arc;

use axum::{
    Router,
    http::header,
    middleware::from_fn_with_state,
    routing::{delete, get, post},
};
use torii::{Torii, sqlite::SqliteRepositoryProvider};
use torii_axum::refuse_cross_site;

mod auth;
mod error;
mod pages;
mod todos;

/// torii without a tenant: every call runs in the default one.
pub type Auth = Torii<SqliteRepositoryProvider>;

/// What handlers share.
#[derive(Clone)]
struct App {
    torii: Arc<Auth>,
    todos: todos::Todos,
}

/// The whole application.
pub fn app(torii: Arc<Auth>) -> Router {
    let app = App { torii: Arc::clone(&torii), todos: todos::Todos::default() };
    Router::new()
        .route("/", get(todos::list))
        .route("/todos", post(todos::add))
        .route("/todos/{id}", delete(todos::delete))
        .route("/todos/{id}/toggle", post(todos::toggle))
        .route("/sign-up", get(pages::sign_up))
        .route("/sign-in", get(pages::sign_in))
        .route("/auth/sign-up", post(auth::sign_up))
        .route("/auth/sign-in", post(auth::sign_in))
        // The page's button sends `POST`, which other sites cannot have a browser send.
        .route("/sign-out", get(auth::sign_out).post(auth::sign_out))
        .route("/whoami", get(auth::whoami))
        .with_state(app)
        .layer(from_fn_with_state(torii, refuse_cross_site::<Arc<Auth>, SqliteRepositoryProvider>))
        .route("/app.js", get(([(header::CONTENT_TYPE, "text/javascript")], include_str!("../assets/app.js"))))
        .route("/style.css", get(([(header::CONTENT_TYPE, "text/css")], include_str!("../assets/style.css"))))
}
