//! An application, and a client of it that keeps no state.

use std::{fmt, net::SocketAddr, sync::Arc};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::ConnectInfo,
    http::{HeaderMap, HeaderName, HeaderValue, Request, header},
    routing::get,
};
use serde_json::{Value, json};
use torii::{RelyingParty, Session, TenantScope, Torii};
use torii_axum::{
    AuthSettings, AuthState, AuthUser, ConnectionInfo, CookieConfig, LinkConfig, OptionalAuthUser, Tenant,
    TenantResolver,
};
use torii_testkit::{
    backend::{Backend, OpenOptions, Sqlite},
    world::{PASSWORD, ScopeUnderTest, World},
};
use tower::ServiceExt;

pub(crate) use torii_testkit::world::{EMAIL, WRONG_PASSWORD};

pub(crate) type Db = <Sqlite as Backend>::Provider;

/// The host of the tenant under test, and of the one next door.
pub(crate) const HERE: &str = "acme-corp.app.example";
pub(crate) const NEXT_DOOR: &str = "neighbour.app.example";
pub(crate) const NEW_PASSWORD: &str = "a password nobody had before";

/// An application with the routes under `/auth` and some of its own.
pub(crate) struct App {
    pub(crate) world: World<Db>,
    pub(crate) torii: Arc<Torii<Db>>,
    pub(crate) settings: AuthSettings,
    pub(crate) router: Router,
    host: &'static str,
}

impl App {
    /// One kind of user.
    pub(crate) async fn single() -> Self {
        Self::single_with(AuthSettings::new().with_links(LinkConfig::new("https://app.example"))).await
    }

    pub(crate) async fn single_with(settings: AuthSettings) -> Self {
        let world = world(ScopeUnderTest::DefaultTenant).await;
        let torii = Arc::new(world.torii_with(|torii| torii));
        Self::assemble(world, torii, settings, "app.example")
    }

    /// A tenant per subdomain.
    pub(crate) async fn tenants() -> Self {
        Self::tenants_with(|torii| torii, |settings| settings).await
    }

    pub(crate) async fn tenants_with(
        change: impl FnOnce(Torii<Db>) -> Torii<Db>,
        set: impl FnOnce(AuthSettings) -> AuthSettings,
    ) -> Self {
        let world = world(ScopeUnderTest::NamedTenant).await;
        let torii = Arc::new(world.torii_with(change));
        torii.register_tenant(world.tenant(), None).await.unwrap();
        let settings = AuthSettings::new()
            .with_tenants(TenantResolver::registered_in(&torii).from_subdomain_of("app.example"))
            .with_tenant_links(|tenant| Some(LinkConfig::new(format!("https://{tenant}.app.example"))))
            .with_tenant_relying_parties(|tenant| {
                let host = format!("{tenant}.app.example");
                RelyingParty::new(&host, [format!("https://{host}")], "An application").ok()
            });
        Self::assemble(world, torii, set(settings), HERE)
    }

    pub(crate) fn assemble(
        world: World<Db>,
        torii: Arc<Torii<Db>>,
        settings: AuthSettings,
        host: &'static str,
    ) -> Self {
        let auth = torii_axum::routes(Arc::clone(&torii)).with_settings(settings.clone()).build();
        let own = Router::new()
            .route("/me", get(|AuthUser(user): AuthUser| async move { user.email }))
            .route("/maybe", get(maybe))
            .route("/users", get(users).post(users))
            .route("/client", get(client));
        let router = AuthState::new(Arc::clone(&torii), settings.clone()).wrap(own.nest("/auth", auth));
        Self { world, torii, settings, router, host }
    }

    pub(crate) fn here(&self) -> &TenantScope<Db> {
        &self.world.here
    }

    /// A request that says what the application's own clients say.
    pub(crate) fn ask(&self, method: &str, path: &str) -> Ask {
        Ask::new(self.router.clone(), method, path).host(self.host)
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.ask("POST", path).json(&body).send().await
    }

    pub(crate) async fn login(&self, password: &str) -> Answer {
        self.post("/auth/login", json!({ "email": EMAIL, "password": password })).await
    }

    /// Registers [`EMAIL`] without HTTP, and begins a session.
    pub(crate) async fn signed_in(&self) -> (torii::User, Session) {
        self.world.register(EMAIL).await;
        self.world.sign_in(EMAIL).await
    }

    /// The tokens in the mails that were sent since this was last asked.
    pub(crate) async fn mailed_links(&self) -> Vec<String> {
        self.torii.flush_mail().await;
        let mails = self.world.outbox.take();
        let text = |mail: torii_mailer::Email| mail.text_body.unwrap_or_default();
        let links = |text: String| {
            text.split_whitespace().filter(|word| word.contains("?token=")).map(str::to_owned).collect::<Vec<_>>()
        };
        mails.into_iter().map(text).flat_map(links).collect()
    }

    pub(crate) async fn mailed_token(&self) -> String {
        let links = self.mailed_links().await;
        assert_eq!(links.len(), 1, "{links:?}");
        links[0].split_once("?token=").unwrap().1.to_owned()
    }
}

async fn world(scope: ScopeUnderTest) -> World<Db> {
    World::open::<Sqlite>(scope, OpenOptions::default()).await
}

async fn maybe(OptionalAuthUser(user): OptionalAuthUser) -> String {
    user.map_or("nobody".to_owned(), |user| user.email)
}

async fn users(Tenant(tenant): Tenant<Db>) -> Result<String, torii_axum::AuthError> {
    Ok(tenant.count_users().await?.to_string())
}

async fn client(ConnectionInfo { ip, user_agent }: ConnectionInfo) -> String {
    format!("{ip:?} {user_agent:?}")
}

/// A request.
pub(crate) struct Ask {
    router: Router,
    request: Request<Body>,
}

impl Ask {
    pub(crate) fn new(router: Router, method: &str, path: &str) -> Self {
        let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
        Self { router, request }
    }

    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
        self.request.headers_mut().append(HeaderName::from_static(name), value);
        self
    }

    pub(crate) fn host(mut self, host: &str) -> Self {
        self.request.headers_mut().insert(header::HOST, HeaderValue::from_bytes(host.as_bytes()).unwrap());
        self
    }

    pub(crate) fn without_host(mut self) -> Self {
        self.request.headers_mut().remove(header::HOST);
        self
    }

    pub(crate) fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    pub(crate) fn cookie(self, cookie: &str) -> Self {
        self.header("cookie", cookie)
    }

    pub(crate) fn at_address(mut self, address: &str) -> Self {
        self.request.extensions_mut().insert(ConnectInfo(SocketAddr::new(address.parse().unwrap(), 4711)));
        self
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.body("application/json", body.to_string())
    }

    pub(crate) fn body(mut self, content_type: &'static str, body: impl Into<Body>) -> Self {
        self.request.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        *self.request.body_mut() = body.into();
        self
    }

    pub(crate) async fn send(self) -> Answer {
        let (parts, body) = self.router.oneshot(self.request).await.unwrap().into_parts();
        let text = String::from_utf8(to_bytes(body, 1 << 20).await.unwrap().to_vec()).unwrap();
        Answer { status: parts.status.as_u16(), headers: parts.headers, text }
    }
}

/// A response.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?} {:?}", self.status, self.set_cookies(), self.text)
    }
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(crate) fn set_cookies(&self) -> Vec<String> {
        self.headers.get_all(header::SET_COOKIE).iter().map(|value| value.to_str().unwrap().to_owned()).collect()
    }

    /// The one cookie that is set, as `name=value`.
    pub(crate) fn cookie(&self) -> String {
        let cookies = self.set_cookies();
        assert_eq!(cookies.len(), 1, "{self:?}");
        cookies[0].split(';').next().unwrap().to_owned()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// Checks that it is a refusal of the one shape.
    #[track_caller]
    pub(crate) fn refused(&self, status: u16, error: &str) {
        assert_eq!(self.status, status, "{self:?}");
        let body = self.json();
        assert_eq!((&body["error"], &body["code"]), (&json!(error), &json!(status)), "{self:?}");
        assert_eq!(self.header("content-type"), Some("application/json"));
        assert_eq!(self.header("cache-control"), Some("no-store"));
    }

    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        assert_eq!(self.status, 200, "{self:?}");
        self
    }
}

pub(crate) fn token_of(session: &Session) -> String {
    session.token.as_ref().unwrap().expose_secret().to_owned()
}

pub(crate) fn credentials() -> Value {
    json!({ "email": EMAIL, "password": PASSWORD })
}

/// The keys of an object, sorted.
pub(crate) fn keys(value: &Value) -> Vec<String> {
    let mut keys: Vec<_> = value.as_object().unwrap_or_else(|| panic!("{value}")).keys().cloned().collect();
    keys.sort();
    keys
}

pub(crate) fn development() -> AuthSettings {
    AuthSettings::new().with_cookie(CookieConfig::development()).with_links(LinkConfig::new("http://localhost:3000"))
}
