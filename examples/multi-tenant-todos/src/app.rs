//! Puts the application together.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{DefaultBodyLimit, Request, State},
    http::StatusCode,
    middleware::{from_fn, from_fn_with_state},
    response::{IntoResponse, Response},
};
use secrecy::SecretString;
use thiserror::Error;
use torii::{Clock, MailerConfig, Torii, ToriiBuilder, ToriiBuilderError, ToriiError};
use torii_axum::{AuthSettings, AuthState, CookieConfig, TenantResolver};
use tower::ServiceExt as _;

use crate::{
    address::{Asked, PublicUrl, Reached, TENANT_PATH, asked},
    error_pages, headers,
    mail::Mail,
    operator, pages,
    storage::Storage,
    todos::{StoreError, TodoStore},
};

/// How often what is over is swept away.
const CLEANUP_INTERVAL: Duration = Duration::from_secs(60 * 60);
/// The largest form, in bytes.
const LARGEST_FORM: usize = 16 * 1024;
/// The tenants that are there from the beginning, in development.
pub const DEMO_TENANTS: [(&str, &str); 2] = [("acme", "Acme"), ("globex", "Globex")];

/// What the application is given from outside.
pub struct Setup {
    pub public: PublicUrl,
    pub clock: Arc<dyn Clock>,
    pub mail: Mail,
    /// What opens the operator's page; without it there is none.
    pub operator_token: Option<SecretString>,
    pub trusted_proxies: usize,
}

/// What all pages share. Nothing in it reaches into a tenant.
pub struct Shared {
    pub public: PublicUrl,
    pub clock: Arc<dyn Clock>,
    pub todos: Arc<dyn TodoStore>,
}

/// Why the application does not start.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StartError {
    #[error("DATABASE_URL begins with {0:?}; known are sqlite, postgres and mysql")]
    UnknownDatabase(String),
    #[error("cannot open the database")]
    Open(#[from] torii_core::Error),
    #[error(transparent)]
    Build(#[from] ToriiBuilderError),
    #[error("cannot make the tables of this application")]
    Tables(#[from] StoreError),
    #[error("cannot register the first tenants")]
    Tenants(#[from] ToriiError),
    #[error("cannot listen on {address}; if the port is taken, set PORT to another one")]
    Listen { address: std::net::SocketAddr, source: std::io::Error },
    #[error("the server ended")]
    Serve(#[source] std::io::Error),
}

/// The whole application.
///
/// # Errors
/// [`StartError`] if the database cannot be brought up to date or the mailer cannot be made.
pub async fn build<R: Storage>(provider: R, todos: Arc<dyn TodoStore>, setup: Setup) -> Result<Router, StartError> {
    let Setup { public, clock, mail, operator_token, trusted_proxies } = setup;
    let torii =
        ToriiBuilder::new().with_provider(provider).apply_migrations(true).with_cleanup_interval(CLEANUP_INTERVAL);
    let (torii, outbox) = match mail {
        Mail::Outbox(outbox) => (torii.with_mail_transport(Arc::new(outbox.clone()), mailer(&public)), Some(outbox)),
        Mail::Transport(transport) => (torii.with_mail_transport(transport, mailer(&public)), None),
        Mail::FromEnvironment => (torii.with_mailer_from_env()?, None),
    };
    let torii = Arc::new(torii.build().await?);
    todos.create_table().await?;
    if public.is_development() {
        for (id, name) in DEMO_TENANTS {
            torii.register_tenant(id, Some(name)).await?;
        }
    }

    let auth = AuthState::new(Arc::clone(&torii), settings(&torii, &public, trusted_proxies));
    let shared = Arc::new(Shared { public, clock, todos });
    let tenant_pages = || auth.wrap(pages::of_a_tenant::<R>());

    let mut site = Router::new().merge(pages::of_the_site());
    if shared.public.is_development() {
        site = site.nest(&format!("{TENANT_PATH}/{{tenant}}"), by(Reached::ByPath, tenant_pages()));
        if let Some(outbox) = outbox {
            site = site.merge(pages::outbox(outbox, torii.with_tenant("default")));
        }
    }
    let site = site.with_state(Arc::clone(&shared));
    let site = match operator_token {
        Some(token) => site.merge(operator::routes(torii, token, Arc::clone(&shared))),
        None => site,
    };
    let tenants = by(Reached::ByHost, tenant_pages()).with_state(Arc::clone(&shared));

    let hosts = Hosts { site, tenants, shared: Arc::clone(&shared) };
    Ok(Router::new()
        .fallback(by_host)
        .with_state(hosts)
        .layer(DefaultBodyLimit::max(LARGEST_FORM))
        .layer(from_fn(error_pages::show))
        .layer(from_fn_with_state(shared, headers::add)))
}

fn mailer(public: &PublicUrl) -> MailerConfig {
    MailerConfig { app_name: "Todos".to_owned(), app_url: public.origin(), ..MailerConfig::default() }
}

fn settings<R: Storage>(torii: &Arc<Torii<R>>, public: &PublicUrl, trusted_proxies: usize) -> AuthSettings {
    let tenants = TenantResolver::registered_in(torii).from_subdomain_of(public.domain());
    let settings = AuthSettings::new().with_trusted_proxies(trusted_proxies);
    if public.is_development() {
        settings.with_tenants(tenants.from_path(TENANT_PATH)).with_cookie(CookieConfig::development())
    } else {
        settings.with_tenants(tenants)
    }
}

/// Tells pages how they were reached.
fn by<S: Clone + Send + Sync + 'static>(reached: Reached, pages: Router<S>) -> Router<S> {
    pages.layer(axum::Extension(reached))
}

#[derive(Clone)]
struct Hosts {
    site: Router,
    tenants: Router,
    shared: Arc<Shared>,
}

/// The first page belongs to the site, and to every tenant: the host decides.
async fn by_host(State(hosts): State<Hosts>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let router = match asked(&hosts.shared.public, &parts) {
        Some(Asked::Site) => hosts.site,
        Some(Asked::Tenant) => hosts.tenants,
        None => return StatusCode::MISDIRECTED_REQUEST.into_response(),
    };
    router.oneshot(Request::from_parts(parts, body)).await.into_response()
}
