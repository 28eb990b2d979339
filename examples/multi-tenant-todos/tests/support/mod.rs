//! The application on a database of its own, and a browser without a screen: cookies, forms, headers.

#![allow(dead_code, reason = "every test binary uses a part of it")]
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "helpers of tests")]

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use axum::{
    Router,
    body::{Body, to_bytes},
    http::{HeaderMap, Request, StatusCode, header},
};
use cookie::Cookie;
use multi_tenant_todos::{
    address::PublicUrl,
    app::Setup,
    config::Database,
    mail::{Mail, Outbox},
    storage,
};
use tempfile::TempDir;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use torii_mailer::{Email, Mailer, MailerError};
use torii_testkit::ManualClock;
use tower::ServiceExt as _;
use url::{Url, form_urlencoded};

pub(crate) const PASSWORD: &str = "correct horse battery";
pub(crate) const OPERATOR_TOKEN: &str = "the operator's long token";
/// The tenants, by path and by host.
pub(crate) const ACME: &str = "http://localhost:3000/t/acme";
pub(crate) const GLOBEX: &str = "http://localhost:3000/t/globex";
pub(crate) const ACME_HOST: &str = "http://acme.localhost:3000";
pub(crate) const GLOBEX_HOST: &str = "http://globex.localhost:3000";

/// The application.
pub(crate) struct TestApp {
    pub(crate) router: Router,
    pub(crate) clock: ManualClock,
    _folder: Option<TempDir>,
}

/// A transport that hands mails to the test.
struct Wire(UnboundedSender<Email>);

#[async_trait]
impl Mailer for Wire {
    async fn send_email(&self, email: Email) -> Result<(), MailerError> {
        self.0.send(email).ok();
        Ok(())
    }
}

impl TestApp {
    /// In development, on an SQLite file.
    pub(crate) async fn start() -> Self {
        Self::start_at(PublicUrl::localhost(3000)).await
    }

    /// In development, on an SQLite file, at this address.
    pub(crate) async fn start_at(public: PublicUrl) -> Self {
        let (folder, database) = file();
        Self { _folder: Some(folder), ..Self::start_on(&database, public).await }
    }

    /// In development, on this database, at this address.
    pub(crate) async fn start_on(database: &Database, public: PublicUrl) -> Self {
        let clock = ManualClock::default();
        let mail = Mail::Outbox(Outbox::new(Arc::new(clock.clone())));
        Self::build(database, public, clock, mail).await
    }

    /// In production, with the mails that it sends.
    pub(crate) async fn start_in_production(public: &str) -> (Self, UnboundedReceiver<Email>) {
        let (sender, mails) = unbounded_channel();
        let (folder, database) = file();
        let mail = Mail::Transport(Arc::new(Wire(sender)));
        let app = Self::build(&database, public.parse().unwrap(), ManualClock::default(), mail).await;
        (Self { _folder: Some(folder), ..app }, mails)
    }

    async fn build(database: &Database, public: PublicUrl, clock: ManualClock, mail: Mail) -> Self {
        let setup = Setup {
            public,
            clock: Arc::new(clock.clone()),
            mail,
            operator_token: Some(OPERATOR_TOKEN.into()),
            trusted_proxies: 0,
        };
        let router = storage::open(database, setup).await.unwrap();
        Self { router, clock, _folder: None }
    }

    pub(crate) fn client(&self) -> Client {
        Client { router: self.router.clone(), cookies: BTreeMap::new(), headers: HeaderMap::new() }
    }

    /// The operator's browser.
    pub(crate) fn operator(&self) -> Client {
        use base64::{Engine as _, prelude::BASE64_STANDARD};
        let credentials = BASE64_STANDARD.encode(format!("operator:{OPERATOR_TOKEN}"));
        let mut client = self.client();
        client.headers.insert(header::AUTHORIZATION, format!("Basic {credentials}").parse().unwrap());
        client
    }

    /// A browser in which somebody signed up in the tenant at `base`, confirmed the address and signed in.
    pub(crate) async fn member(&self, base: &str, email: &str) -> Client {
        let mut client = self.client();
        client.sign_up(base, email).await;
        client.sign_in(base, email, PASSWORD).await.is_sent_to(&path_of(base));
        client
    }
}

fn file() -> (TempDir, Database) {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::File(folder.path().join("todos.db"));
    (folder, database)
}

/// A browser: keeps cookies by host, and says where a form was sent from.
#[derive(Clone)]
pub(crate) struct Client {
    router: Router,
    /// By host and name.
    pub(crate) cookies: BTreeMap<(String, String), String>,
    /// Sent with every request, instead of what a browser would say.
    pub(crate) headers: HeaderMap,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Client {
    pub(crate) async fn get(&mut self, url: &str) -> Page {
        self.send("GET", url, Body::empty()).await
    }

    pub(crate) async fn post(&mut self, url: &str, fields: &[(&str, &str)]) -> Page {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.send("POST", url, body.into()).await
    }

    async fn send(&mut self, method: &str, url: &str, body: Body) -> Page {
        let url = Url::parse(url).unwrap();
        let origin = url.origin().ascii_serialization();
        let authority = origin.split_once("://").unwrap().1.to_owned();
        let target = format!("{}{}", url.path(), url.query().map(|query| format!("?{query}")).unwrap_or_default());
        let mut request = Request::builder().method(method).uri(target).header(header::HOST, &authority);
        request = request
            .header(header::USER_AGENT, "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0");
        if method == "POST" {
            request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
            request = request.header(header::ORIGIN, &origin).header("sec-fetch-site", "same-origin");
        }
        let host = url.host_str().unwrap().to_owned();
        let own = self.cookies.iter().filter(|((cookie_host, _), _)| *cookie_host == host);
        let cookies: Vec<String> = own.map(|((_, name), value)| format!("{name}={value}")).collect();
        if !cookies.is_empty() {
            request = request.header(header::COOKIE, cookies.join("; "));
        }
        let mut request = request.body(body).unwrap();
        for (name, value) in &self.headers {
            request.headers_mut().insert(name, value.clone());
        }

        let response = self.router.clone().oneshot(request).await.unwrap();
        for cookie in response.headers().get_all(header::SET_COOKIE) {
            let cookie = Cookie::parse(cookie.to_str().unwrap().to_owned()).unwrap();
            assert!(cookie.http_only() == Some(true) && cookie.domain().is_none() && cookie.path() == Some("/"));
            let key = (host.clone(), cookie.name().to_owned());
            if cookie.max_age().is_some_and(|age| age.is_zero()) {
                self.cookies.remove(&key);
            } else {
                self.cookies.insert(key, cookie.value().to_owned());
            }
        }
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, 1 << 20).await.unwrap();
        Page { status: parts.status, headers: parts.headers, text: String::from_utf8(body.into()).unwrap() }
    }

    /// Signs up and confirms the address.
    pub(crate) async fn sign_up(&mut self, base: &str, email: &str) {
        let page = self.post(&format!("{base}/sign-up"), &[("email", email), ("password", PASSWORD)]).await;
        page.is_sent_to(&format!("{}/check-mail", path_of(base)).replace("//", "/"));
        let link = self.mailed_link().await;
        assert_eq!(self.get(&link).await.status, StatusCode::OK);
        let page = self.post(&format!("{base}/confirm"), &[("token", &token_of(&link))]).await;
        assert_eq!(page.status, StatusCode::SEE_OTHER, "{}", page.text);
    }

    pub(crate) async fn sign_in(&mut self, base: &str, email: &str, password: &str) -> Page {
        self.post(&format!("{base}/sign-in"), &[("email", email), ("password", password)]).await
    }

    pub(crate) async fn add_todo(&mut self, base: &str, title: &str) {
        let page = self.post(&format!("{base}/todos"), &[("title", title)]).await;
        assert_eq!(page.status, StatusCode::SEE_OTHER, "{}", page.text);
    }

    /// The link in the newest mail that has one.
    pub(crate) async fn mailed_link(&mut self) -> String {
        let page = self.get("http://localhost:3000/dev/outbox").await;
        let links = page.values_of("href=");
        links.into_iter().find(|link| link.contains("?token=")).expect("there is a mail with a link")
    }

    /// The name and the value of the session cookie of a tenant.
    pub(crate) fn session(&self, host: &str, tenant: &str) -> Option<String> {
        self.cookies.get(&(host.to_owned(), format!("session_id.{tenant}"))).cloned()
    }
}

impl Page {
    /// Where a redirect leads.
    pub(crate) fn location(&self) -> String {
        self.headers[header::LOCATION].to_str().unwrap().to_owned()
    }

    pub(crate) fn is_sent_to(&self, target: &str) {
        assert_eq!((self.status, self.location().as_str()), (StatusCode::SEE_OTHER, target), "{}", self.text);
    }

    /// The text of every attribute that begins so, such as `href=`.
    pub(crate) fn values_of(&self, attribute: &str) -> Vec<String> {
        let opening = format!("{attribute}\"");
        let parts = self.text.split(&opening).skip(1);
        parts.map(|rest| rest.split('"').next().unwrap().to_owned()).collect()
    }

    /// The values of all hidden fields of this name.
    pub(crate) fn hidden(&self, name: &str) -> Vec<String> {
        self.values_of(&format!("name=\"{name}\" value="))
    }
}

/// The path of an address; `/` for a host.
pub(crate) fn path_of(base: &str) -> String {
    Url::parse(base).unwrap().path().to_owned()
}

pub(crate) fn token_of(link: &str) -> String {
    link.split_once("?token=").unwrap().1.to_owned()
}
