//! The operator's page: which tenants there are.
//!
//! The only handlers that reach all tenants. They are behind a token of at least 20 characters (HTTP Basic, user name `operator`), on
//! the application's own host and on no tenant's; without a token there is no such page.

use std::sync::Arc;

use askama::Template;
use axum::{
    Form, Router,
    extract::{Query, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse as _, Redirect, Response},
    routing::{get, post},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use torii::{PageRequest, Tenant, TenantId, TenantStatus, Torii};
use torii_axum::{AuthSettings, AuthState, refuse_cross_site};
use torii_core::crypto::constant_time_compare;
use url::form_urlencoded;

use crate::{
    app::Shared,
    error::{PageError, PageResult},
    forms::Field,
    notice::Notice,
    storage::Storage,
    view::{self, Frame},
};

/// Tenants on a page.
const PAGE_SIZE: u32 = 50;

#[derive(Template)]
#[template(path = "operator.html")]
struct OperatorPage {
    frame: Frame,
    tenants: Vec<Row>,
    /// The path of the next page.
    next: Option<String>,
    field: Field,
}

struct Row {
    id: TenantId,
    name: String,
    suspended: bool,
    /// Of a suspended tenant torii tells nothing.
    users: Option<u64>,
}

/// What the operator's handlers may use: torii, and all tenants.
struct Operator<R> {
    torii: Arc<Torii<R>>,
    shared: Arc<Shared>,
}

impl<R> Clone for Operator<R> {
    fn clone(&self) -> Self {
        Self { torii: Arc::clone(&self.torii), shared: Arc::clone(&self.shared) }
    }
}

#[derive(Deserialize)]
struct Place {
    after: Option<String>,
}

#[derive(Deserialize)]
struct Which {
    #[serde(default)]
    tenant: String,
}

/// The page and what it does, behind the token.
pub fn routes<R: Storage>(torii: Arc<Torii<R>>, token: SecretString, shared: Arc<Shared>) -> Router {
    let auth = AuthState::new(Arc::clone(&torii), AuthSettings::new());
    Router::new()
        .route("/operator", get(page::<R>))
        .route("/operator/register", post(register::<R>))
        .route("/operator/suspend", post(suspend::<R>))
        .route("/operator/resume", post(resume::<R>))
        .route_layer(from_fn_with_state(token, guard))
        .route_layer(from_fn_with_state(auth, refuse_cross_site::<AuthState<R>, R>))
        .with_state(Operator { torii, shared })
}

/// Browsers ask for the token themselves and send it with every request, so the check for cross-site requests is around it.
async fn guard(State(token): State<SecretString>, request: Request, next: Next) -> Response {
    if presents(request.headers(), &token) {
        return next.run(request).await;
    }
    let challenge = HeaderValue::from_static(r#"Basic realm="Operator", charset="UTF-8""#);
    (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, challenge)]).into_response()
}

fn presents(headers: &HeaderMap, token: &SecretString) -> bool {
    let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let Some((scheme, credentials)) = value.split_once(' ') else { return false };
    let presented = BASE64_STANDARD.decode(credentials.trim()).unwrap_or_default();
    let expected = format!("operator:{}", token.expose_secret());
    scheme.eq_ignore_ascii_case("basic") && constant_time_compare(&presented, expected.as_bytes())
}

async fn page<R: Storage>(
    State(operator): State<Operator<R>>,
    Query(place): Query<Place>,
    headers: HeaderMap,
) -> PageResult {
    operator.show(StatusCode::OK, place, Notice::of(&headers), "", None).await
}

async fn register<R: Storage>(State(operator): State<Operator<R>>, Form(Which { tenant }): Form<Which>) -> PageResult {
    let wanted = tenant.trim();
    let is_label = |id: &TenantId| {
        let harmless = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let id = id.as_str();
        id.len() <= 63 && id.bytes().all(harmless) && !id.starts_with('-') && !id.ends_with('-')
    };
    match TenantId::new(wanted) {
        // The label of a host (RFC 1123, section 2.1), because that is what it becomes.
        Ok(id) if is_label(&id) => {
            operator.torii.register_tenant(id, None).await?;
            Ok(operator.done(Notice::TenantRegistered))
        }
        _ => {
            let problem =
                "Small letters, digits and hyphens inside, at most 63: it becomes part of an address.".to_owned();
            operator.show(StatusCode::UNPROCESSABLE_ENTITY, Place { after: None }, None, wanted, Some(problem)).await
        }
    }
}

async fn suspend<R: Storage>(State(operator): State<Operator<R>>, Form(Which { tenant }): Form<Which>) -> PageResult {
    operator.known(&tenant).await?;
    operator.torii.suspend_tenant(tenant).await?;
    Ok(operator.done(Notice::TenantSuspended))
}

async fn resume<R: Storage>(State(operator): State<Operator<R>>, Form(Which { tenant }): Form<Which>) -> PageResult {
    operator.known(&tenant).await?;
    operator.torii.resume_tenant(tenant).await?;
    Ok(operator.done(Notice::TenantResumed))
}

impl<R: Storage> Operator<R> {
    fn done(&self, notice: Notice) -> Response {
        let mut response = Redirect::to("/operator").into_response();
        notice.put(&mut response, &self.shared.public);
        response
    }

    async fn known(&self, tenant: &str) -> Result<Tenant, PageError> {
        self.torii.find_tenant(tenant).await?.ok_or(PageError::NotFound)
    }

    async fn row(&self, tenant: Tenant) -> Result<Row, PageError> {
        let suspended = tenant.status == TenantStatus::Suspended;
        let users = match suspended {
            true => None,
            false => Some(self.torii.with_tenant(&tenant.id).count_users().await?),
        };
        Ok(Row { name: tenant.name.unwrap_or_default(), id: tenant.id, suspended, users })
    }

    async fn show(
        &self,
        status: StatusCode,
        place: Place,
        notice: Option<Notice>,
        typed: &str,
        problem: Option<String>,
    ) -> PageResult {
        let request = PageRequest::first(PAGE_SIZE);
        let request = match place.after {
            Some(cursor) => request.after(cursor),
            None => request,
        };
        let found = self.torii.tenants_page(request).await?;
        let mut tenants = Vec::new();
        for tenant in found.items {
            tenants.push(self.row(tenant).await?);
        }
        let field = Field {
            name: "tenant",
            label: "Name of a new tenant",
            kind: "text",
            autocomplete: "off",
            hint: Some("Small letters, digits and hyphens. It becomes part of an address."),
            value: typed.to_owned(),
            autofocus: problem.is_some(),
            problem,
        };
        let outbox = self.shared.public.is_development().then(|| "/dev/outbox".to_owned());
        let frame = Frame { notice, outbox, ..Frame::plain("Tenants") };
        let next = found.next.map(|cursor| {
            let query = form_urlencoded::Serializer::new(String::new()).append_pair("after", &cursor).finish();
            format!("/operator?{query}")
        });
        let mut response = view::response(status, &OperatorPage { frame, tenants, next, field })?;
        if notice.is_some() {
            Notice::forget(&mut response, &self.shared.public);
        }
        Ok(response)
    }
}
