//! The pages, one file per flow.

use std::sync::Arc;

use axum::{
    Router,
    extract::Extension,
    http::{HeaderName, header},
    routing::{get, post},
};
use serde::Deserialize;
use torii::TenantScope;

use crate::{app::Shared, mail::Outbox, storage::Storage};

mod confirm;
mod landing;
mod magic_link;
mod mailed;
mod outbox;
mod reset;
mod sessions;
mod sign_in;
mod sign_up;
mod todos;

/// The pages of a tenant, wherever they are reached.
pub fn of_a_tenant<R: Storage>() -> Router<Arc<Shared>> {
    Router::new()
        .route("/", get(todos::list::<R>))
        .route("/todos", post(todos::add::<R>))
        .route("/todos/done", post(todos::set_done::<R>))
        .route("/todos/delete", post(todos::delete::<R>))
        .route("/sign-up", get(sign_up::form::<R>).post(sign_up::submit::<R>))
        .route("/confirm", get(confirm::button::<R>).post(confirm::submit::<R>))
        .route("/sign-in", get(sign_in::form::<R>).post(sign_in::submit::<R>))
        .route("/sign-out", post(sign_in::leave::<R>))
        .route("/magic-link", get(magic_link::form::<R>).post(magic_link::submit::<R>))
        .route("/magic-link/open", get(magic_link::button::<R>).post(magic_link::open::<R>))
        .route("/forgot-password", get(reset::form::<R>).post(reset::submit::<R>))
        .route("/reset-password", get(reset::choose::<R>).post(reset::complete::<R>))
        .route("/check-mail", get(mailed::page::<R>))
        .route("/sessions", get(sessions::list::<R>))
        .route("/sessions/end", post(sessions::end::<R>))
        .route("/sessions/end-others", post(sessions::end_others::<R>))
        .merge(files())
}

/// What belongs to no tenant.
pub fn of_the_site() -> Router<Arc<Shared>> {
    Router::new()
        .route("/", get(landing::page))
        .route("/open", get(landing::open))
        .route("/t/{tenant}/", get(landing::without_slash))
        .merge(files())
}

/// Mails instead of sending them. `tenant` is there to wait for mails that are on their way.
pub fn outbox<R: Storage>(outbox: Outbox, tenant: TenantScope<R>) -> Router<Arc<Shared>> {
    let routes = Router::new().route("/dev/outbox", get(outbox::page::<R>));
    routes.layer(Extension(outbox)).layer(Extension(tenant))
}

/// Files of the application. Every host has them: pages load nothing from elsewhere.
fn files<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new()
        .route("/style.css", get(|| async { file("text/css; charset=utf-8", include_str!("../../assets/style.css")) }))
        .route("/icon.svg", get(|| async { file("image/svg+xml", include_str!("../../assets/icon.svg")) }))
}

type File = ([(HeaderName, &'static str); 2], &'static str);

fn file(kind: &'static str, content: &'static str) -> File {
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "public, max-age=300")], content)
}

/// The query, or the hidden field, of a mailed link.
#[derive(Deserialize)]
pub(crate) struct LinkToken {
    #[serde(default)]
    token: String,
}

/// A form that asks for an address alone.
#[derive(Deserialize)]
pub(crate) struct Address {
    #[serde(default)]
    email: String,
}
