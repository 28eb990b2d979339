//! Which tenant a request belongs to.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use axum::{Router, http::HeaderName, middleware::from_fn_with_state, routing::get};
use serde_json::json;
use torii::{TenantId, TenantStatus, ToriiError};
use torii_axum::{AuthSettings, AuthState, LinkConfig, Tenant, TenantDirectory, TenantResolver, tenant_middleware};
use torii_testkit::world::{PASSWORD, SESSION_TOKEN};

use crate::app::{Answer, App, Ask, Db, EMAIL, HERE, NEXT_DOOR, credentials, token_of};

const ACME: TenantId = TenantId::from_static("acme-corp");

/// The router of an application, with other rules about tenants.
fn router(app: &App, tenants: TenantResolver) -> Router {
    let settings = AuthSettings::new()
        .with_tenants(tenants)
        .with_tenant_links(|tenant| Some(LinkConfig::new(format!("https://{tenant}.app.example"))));
    let auth = torii_axum::routes(app.torii.clone()).with_settings(settings.clone()).build();
    let who = |Tenant(tenant): Tenant<Db>| async move { tenant.tenant().unwrap().id().to_string() };
    let own = Router::new().route("/who", get(who)).route("/t/{tenant}/who", get(who));
    let state = AuthState::new(app.torii.clone(), settings);
    state.wrap(own.nest("/auth", auth.clone()).nest("/t/{tenant}/auth", auth))
}

async fn who(router: &Router, path: &str, headers: &[(&'static str, &str)]) -> Answer {
    let ask = Ask::new(router.clone(), "GET", path);
    headers.iter().fold(ask, |ask, (name, value)| ask.header(name, value)).send().await
}

#[tokio::test]
async fn every_refusal_is_the_same() {
    let app = App::tenants().await;
    app.torii.register_tenant("sleeping", None).await.unwrap();
    app.torii.suspend_tenant("sleeping").await.unwrap();
    let missing = app.ask("GET", "/auth/user").without_host().send().await;
    missing.refused(404, "Tenant not found");
    let long = format!("{}.app.example", "a".repeat(65));
    for host in [
        "app.example",
        "sleeping.app.example",
        "unknown.app.example",
        "a.b.app.example",
        ".app.example",
        "acme-corp.app.example.evil.example",
        "acme-corp.evil.example",
        "acme-corpapp.example",
        "acme%2dcorp.app.example",
        "acme corp.app.example",
        "user@acme-corp.app.example",
        "acme-corp.app.example, neighbour.app.example",
        "acme-corp.app.example\u{e9}",
        "",
        long.as_str(),
        "10.0.0.1",
        "[::1]:80",
    ] {
        for (method, path) in [
            ("GET", "/auth/user"),
            ("POST", "/auth/login"),
            ("POST", "/auth/register"),
            ("GET", "/users"),
            ("POST", "/auth/nothing"),
        ] {
            let answer = app.ask(method, path).host(host).json(&credentials()).send().await;
            assert_eq!((answer.status, &answer.text), (404, &missing.text), "{host:?} {method} {path}");
            // The server adds the length where it is missing.
            let headers = |answer: &Answer| {
                let mut headers = answer.headers.clone();
                headers.remove("content-length");
                headers
            };
            assert_eq!(headers(&answer), headers(&missing), "{host:?} {method} {path}");
        }
    }
    // Nobody was registered by the way.
    assert!(app.torii.find_tenant("unknown").await.unwrap().is_none());
    // Of no tenant is what asks how the application does.
    app.ask("GET", "/auth/health").host("10.0.0.1").send().await.refused(404, "Tenant not found");
    let alone = torii_axum::routes(app.torii.clone())
        .with_settings(
            AuthSettings::new()
                .with_tenants(TenantResolver::registered_in(&app.torii).from_subdomain_of("app.example"))
                .with_tenant_links(|_| None),
        )
        .build();
    Ask::new(alone, "GET", "/health").host("10.0.0.1").send().await.ok();
}

#[tokio::test]
async fn suspending_a_tenant_signs_its_users_out_at_once() {
    let app = App::tenants().await;
    let (_, session) = app.signed_in().await;
    let ask = || app.ask("GET", "/auth/user").bearer(&token_of(&session)).send();
    ask().await.ok();
    app.torii.suspend_tenant(ACME).await.unwrap();
    ask().await.refused(404, "Tenant not found");
    app.ask("GET", "/me").bearer(&token_of(&session)).send().await.refused(404, "Tenant not found");
    app.ask("GET", "/auth/user").host(NEXT_DOOR).bearer(SESSION_TOKEN).send().await.ok();
    app.torii.resume_tenant(ACME).await.unwrap();
    ask().await.ok();
}

#[tokio::test]
async fn hosts_have_no_case_and_may_have_a_port() {
    let app = App::tenants().await;
    for host in
        ["acme-corp.app.example", "ACME-Corp.APP.example", "acme-corp.app.example:8443", "acme-corp.app.example."]
    {
        app.ask("GET", "/users").host(host).send().await.ok();
    }
}

#[tokio::test]
async fn hosts_can_be_listed() {
    let app = App::tenants().await;
    let hosts = [("Acme.example.", ACME), ("neighbour.example", TenantId::from_static("neighbour"))];
    let router = router(&app, TenantResolver::registered_in(&app.torii).from_hosts(hosts));
    assert_eq!(who(&router, "/who", &[("host", "acme.example:443")]).await.ok().text, "acme-corp");
    assert_eq!(who(&router, "/who", &[("host", "neighbour.example")]).await.ok().text, "neighbour");
    who(&router, "/who", &[("host", "www.acme.example")]).await.refused(404, "Tenant not found");
}

#[tokio::test]
async fn a_segment_of_the_path_can_name_it_wherever_routes_are_nested() {
    let app = App::tenants().await;
    app.world.register(EMAIL).await;
    let router = router(&app, TenantResolver::registered_in(&app.torii).from_path("/t"));
    assert_eq!(who(&router, "/t/acme-corp/who", &[]).await.ok().text, "acme-corp");
    for path in ["/t/acme%2dcorp/who", "/t//who", "/t/unknown/who", "/t/%00/who", "/t/..%2fneighbour/who", "/who"] {
        who(&router, path, &[]).await.refused(404, "Tenant not found");
    }
    let login =
        |tenant: &str| Ask::new(router.clone(), "POST", &format!("/t/{tenant}/auth/login")).json(&credentials()).send();
    login("neighbour").await.refused(401, "Invalid credentials");
    let cookie = login("acme-corp").await.ok().cookie();
    let user = |tenant: &str| Ask::new(router.clone(), "GET", &format!("/t/{tenant}/auth/user")).cookie(&cookie).send();
    user("acme-corp").await.ok();
    user("neighbour").await.refused(401, "Unauthorized");
}

#[tokio::test]
async fn a_header_counts_only_where_it_was_asked_for() {
    let app = App::tenants().await;
    // By host: nothing that is sent besides changes anything.
    let spoofed =
        |name: &'static str| app.ask("GET", "/auth/user").header(name, NEXT_DOOR).bearer(SESSION_TOKEN).send();
    for name in ["x-tenant", "x-tenant-id", "x-forwarded-host", "x-host", "x-original-host", "forwarded"] {
        spoofed(name).await.refused(401, "Unauthorized");
    }
    // By header: it has to be there, once, and be an id.
    let name = HeaderName::from_static("x-tenant");
    let router = router(&app, TenantResolver::registered_in(&app.torii).from_trusted_header(name));
    assert_eq!(who(&router, "/who", &[("x-tenant", "acme-corp")]).await.ok().text, "acme-corp");
    for headers in [
        &[][..],
        &[("host", HERE)],
        &[("x-tenant", "")],
        &[("x-tenant", "acme-corp,neighbour")],
        &[("x-tenant", "\u{e9}")],
        &[("x-tenant", "acme-corp"), ("x-tenant", "neighbour")],
        &[("x-tenant", "acme-corp"), ("x-tenant", "acme-corp")],
    ] {
        who(&router, "/who", headers).await.refused(404, "Tenant not found");
    }
}

#[tokio::test]
async fn contradicting_sources_are_refused() {
    let app = App::tenants().await;
    let tenants = TenantResolver::registered_in(&app.torii)
        .from_subdomain_of("app.example")
        .from_path("/t")
        .from_trusted_header(HeaderName::from_static("x-tenant"));
    let router = router(&app, tenants);
    for (path, headers, expected) in [
        ("/who", &[("host", HERE)][..], Some("acme-corp")),
        ("/who", &[("x-tenant", "neighbour")], Some("neighbour")),
        ("/t/acme-corp/who", &[("host", "www.example.org")], Some("acme-corp")),
        ("/t/acme-corp/who", &[("host", HERE), ("x-tenant", "acme-corp")], Some("acme-corp")),
        ("/t/neighbour/who", &[("host", HERE)], None),
        ("/t/acme-corp/who", &[("host", HERE), ("x-tenant", "neighbour")], None),
        ("/who", &[("host", HERE), ("x-tenant", "no tenant")], None),
        ("/who", &[("host", HERE), ("host", NEXT_DOOR)], None),
        ("http://neighbour.app.example/who", &[("host", HERE)], None),
        ("http://acme-corp.app.example/who", &[("host", HERE)], Some("acme-corp")),
    ] {
        let answer = who(&router, path, headers).await;
        match expected {
            Some(tenant) => assert_eq!(answer.ok().text, tenant, "{path} {headers:?}"),
            None => answer.refused(404, "Tenant not found"),
        }
    }
}

#[tokio::test]
async fn one_tenant_can_be_fixed() {
    let app = App::tenants().await;
    let router = router(&app, TenantResolver::registered_in(&app.torii).fixed(ACME));
    assert_eq!(who(&router, "/who", &[("host", NEXT_DOOR)]).await.ok().text, "acme-corp");
}

#[tokio::test]
async fn unregistered_tenants_are_accepted_only_where_that_was_asked_for() {
    let app = App::tenants().await;
    let strict = TenantResolver::registered_in(&app.torii).from_subdomain_of("app.example");
    let any = router(&app, strict.clone().any_tenant());
    let register = |router: &Router, host: &str| {
        Ask::new(router.clone(), "POST", "/auth/register").host(host).json(&credentials()).send()
    };
    let host = "brand-new.app.example";
    register(&router(&app, strict), host).await.refused(404, "Tenant not found");
    register(&any, host).await.ok();
    assert!(app.torii.find_tenant("brand-new").await.unwrap().is_some());
    app.torii.suspend_tenant("brand-new").await.unwrap();
    register(&any, host).await.refused(404, "Tenant not found");
}

/// What storage refuses by itself is answered alike.
#[tokio::test]
async fn storage_that_refuses_a_tenant_is_answered_alike() {
    #[derive(Default)]
    struct Outdated;
    #[async_trait]
    impl TenantDirectory for Outdated {
        async fn tenant_status(&self, _: &TenantId) -> Result<Option<TenantStatus>, ToriiError> {
            Ok(Some(TenantStatus::Active))
        }
    }
    let app = App::tenants().await;
    app.world.register(EMAIL).await;
    app.torii.suspend_tenant(ACME).await.unwrap();
    let router = router(&app, TenantResolver::with_directory(Arc::new(Outdated)).fixed(ACME));
    let post = |path: &str, body: &serde_json::Value| Ask::new(router.clone(), "POST", path).json(body).send();
    post("/auth/login", &credentials()).await.refused(404, "Tenant not found");
    post("/auth/register", &credentials()).await.refused(404, "Tenant not found");
    post("/auth/magic-link", &json!({ "email": EMAIL })).await.refused(404, "Tenant not found");
}

/// Every request asks once, and the routes inside middleware take its word.
#[tokio::test]
async fn the_directory_is_asked_once_per_request() {
    #[derive(Clone, Default)]
    struct Asked(Arc<Mutex<Vec<String>>>);
    #[async_trait]
    impl TenantDirectory for Asked {
        async fn tenant_status(&self, tenant: &TenantId) -> Result<Option<TenantStatus>, ToriiError> {
            self.0.lock().unwrap().push(tenant.to_string());
            Ok(Some(TenantStatus::Active))
        }
    }
    let app = App::tenants().await;
    let (_, session) = app.signed_in().await;
    let asked = Asked::default();
    let directory = Arc::new(asked.clone());
    let router = router(&app, TenantResolver::with_directory(directory).from_subdomain_of("app.example"));
    Ask::new(router.clone(), "GET", "/auth/user").host(HERE).bearer(&token_of(&session)).send().await.ok();
    assert_eq!(*asked.0.lock().unwrap(), ["acme-corp"]);
    // What is no tenant id is not asked about.
    Ask::new(router, "GET", "/auth/user").host("a.b.app.example").send().await.refused(404, "Tenant not found");
    assert_eq!(asked.0.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn routes_without_a_resolver_stay_in_the_tenant_of_the_middleware() {
    let app = App::tenants().await;
    app.world.register(EMAIL).await;
    let tenants = TenantResolver::registered_in(&app.torii).from_subdomain_of("app.example");
    let state = AuthState::new(app.torii.clone(), AuthSettings::new().with_tenants(tenants));
    let forgotten = torii_axum::routes(app.torii.clone()).with_link_config(LinkConfig::new("https://app.example"));
    let router = state.wrap(Router::new().nest("/auth", forgotten.build()));
    let login = |host: &str| Ask::new(router.clone(), "POST", "/auth/login").host(host).json(&credentials()).send();
    login(HERE).await.ok();
    login(NEXT_DOOR).await.refused(401, "Invalid credentials");
    login("unknown.app.example").await.refused(404, "Tenant not found");
}

#[tokio::test]
async fn middleware_and_routes_that_disagree_refuse() {
    let app = App::tenants().await;
    let outer = AuthSettings::new().with_tenants(TenantResolver::registered_in(&app.torii).fixed(ACME));
    let inner = AuthSettings::new()
        .with_tenants(TenantResolver::registered_in(&app.torii).from_subdomain_of("app.example"))
        .with_tenant_links(|_| None);
    let auth = torii_axum::routes(app.torii.clone()).with_settings(inner).build();
    let router = AuthState::new(app.torii.clone(), outer).wrap(Router::new().nest("/auth", auth));
    Ask::new(router.clone(), "GET", "/auth/user").host(HERE).send().await.refused(401, "Unauthorized");
    Ask::new(router, "GET", "/auth/user").host(NEXT_DOOR).send().await.refused(404, "Tenant not found");
}

#[tokio::test]
async fn what_was_found_for_one_tenant_is_not_taken_for_another() {
    let app = App::single().await;
    let (_, session) = app.signed_in().await;
    let neighbour = TenantId::from_static("neighbour");
    let inner = AuthSettings::new()
        .with_tenants(TenantResolver::registered_in(&app.torii).fixed(neighbour))
        .with_tenant_links(|_| None);
    let auth = torii_axum::routes(app.torii.clone()).with_settings(inner).build();
    // The middleware has looked into the default tenant, and found somebody.
    let state = AuthState::new(app.torii.clone(), AuthSettings::new());
    let router = state.wrap(Router::new().nest("/auth", auth));
    let ask = |token: &str| Ask::new(router.clone(), "GET", "/auth/user").bearer(token).send();
    ask(&token_of(&session)).await.refused(401, "Unauthorized");
    assert_eq!(ask(SESSION_TOKEN).await.ok().json()["user"]["tenant_id"], "neighbour");
}

#[tokio::test]
async fn without_a_resolver_everything_is_in_the_default_tenant() {
    let app = App::single().await;
    for host in [HERE, "anything.example", "app.example"] {
        let ask = app.ask("POST", "/auth/login").host(host).header("x-tenant", "neighbour");
        ask.json(&json!({ "email": EMAIL, "password": PASSWORD })).send().await.refused(401, "Invalid credentials");
    }
    let (_, session) = app.signed_in().await;
    let user = app.ask("GET", "/auth/user").host(NEXT_DOOR).bearer(&token_of(&session)).send().await.ok();
    assert_eq!(user.json()["user"]["tenant_id"], "default");
}

#[tokio::test]
async fn handlers_without_middleware_have_no_tenant() {
    let app = App::tenants().await;
    let users = |Tenant(tenant): Tenant<Db>| async move { tenant.count_users().await.unwrap().to_string() };
    let bare = Router::new().route("/users", get(users));
    Ask::new(bare.clone(), "GET", "/users").host(HERE).send().await.refused(500, "Internal server error");
    let tenants = TenantResolver::registered_in(&app.torii).from_subdomain_of("app.example");
    let state = AuthState::new(app.torii.clone(), AuthSettings::new().with_tenants(tenants));
    let router = bare.layer(from_fn_with_state(state, tenant_middleware::<AuthState<Db>, Db>));
    assert_eq!(Ask::new(router.clone(), "GET", "/users").host(HERE).send().await.ok().text, "0");
    assert_eq!(Ask::new(router, "GET", "/users").host(NEXT_DOOR).send().await.ok().text, "2");
}
