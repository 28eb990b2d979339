//! The first page: which tenant?

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::{Path, Query, State},
    http::StatusCode,
    response::{IntoResponse as _, Redirect, Response},
};
use serde::Deserialize;
use torii::TenantId;

use crate::{
    address::{Reached, TenantAddress},
    app::{DEMO_TENANTS, Shared},
    error::PageResult,
    forms::Field,
    view::{self, Frame},
};

#[derive(Template)]
#[template(path = "landing.html")]
struct LandingPage {
    frame: Frame,
    field: Field,
    demo: Vec<DemoTenant>,
}

/// A tenant that is there from the beginning, in development.
struct DemoTenant {
    name: &'static str,
    by_path: String,
    by_host: String,
}

#[derive(Deserialize)]
pub(crate) struct Wanted {
    #[serde(default)]
    tenant: String,
}

pub(crate) async fn page(State(shared): State<Arc<Shared>>) -> PageResult {
    show(&shared, StatusCode::OK, "", None)
}

/// Goes to a tenant's own address. Whether there is such a tenant is seen there.
pub(crate) async fn open(State(shared): State<Arc<Shared>>, Query(Wanted { tenant }): Query<Wanted>) -> PageResult {
    let wanted = tenant.trim().to_ascii_lowercase();
    match TenantId::new(&wanted) {
        // An underscore is allowed in a tenant's name but not in a host's.
        Ok(id) if !wanted.contains('_') => {
            let reached = if shared.public.is_development() { Reached::ByPath } else { Reached::ByHost };
            Ok(Redirect::to(&TenantAddress::new(&shared.public, reached, &id).url("/")).into_response())
        }
        _ => {
            let problem = "A team's name has letters, digits and hyphens only.".to_owned();
            show(&shared, StatusCode::UNPROCESSABLE_ENTITY, &tenant, Some(problem))
        }
    }
}

pub(crate) async fn without_slash(Path(tenant): Path<String>) -> Response {
    match TenantId::new(&tenant) {
        Ok(id) => Redirect::to(&format!("/t/{id}")).into_response(),
        Err(_) => StatusCode::NOT_FOUND.into_response(),
    }
}

fn show(shared: &Shared, status: StatusCode, typed: &str, problem: Option<String>) -> PageResult {
    let development = shared.public.is_development();
    let demo = |(id, name): (&'static str, &'static str)| {
        let tenant = TenantId::new(id).unwrap_or_default();
        let url = |reached| TenantAddress::new(&shared.public, reached, &tenant).url("/");
        DemoTenant { name, by_path: url(Reached::ByPath), by_host: url(Reached::ByHost) }
    };
    let field = Field {
        name: "tenant",
        label: "Name of your team",
        kind: "text",
        autocomplete: "organization",
        hint: Some("As in the address that your team uses."),
        value: typed.to_owned(),
        problem,
        autofocus: true,
    };
    let outbox = development.then(|| "/dev/outbox".to_owned());
    let demo = if development { DEMO_TENANTS.map(demo).into() } else { Vec::new() };
    let page = LandingPage { frame: Frame { outbox, ..Frame::plain("Todos for teams") }, field, demo };
    Ok(view::response(status, &page)?)
}
