//! Middleware and extractors.

use std::sync::Arc;

use axum::{
    Extension, Router,
    middleware::{from_fn_with_state, map_request},
    routing::get,
};
use torii::{SessionToken, Torii, User};
use torii_axum::{AuthUser, HasTorii, SessionTokenFromBearer, SessionTokenFromRequest, auth_middleware, require_auth};
use torii_testkit::{
    backend::{OpenOptions, Sqlite},
    world::{ScopeUnderTest, World},
};

use crate::app::{App, Ask, Db, EMAIL, HERE, development, token_of};

#[derive(Clone)]
struct AppState {
    torii: Arc<Torii<Db>>,
}

impl HasTorii<Db> for AppState {
    fn torii(&self) -> &Torii<Db> {
        &self.torii
    }
}

async fn who(AuthUser(user): AuthUser) -> String {
    user.email
}

#[tokio::test]
async fn an_application_state_is_enough() {
    let app = App::single().await;
    let (_, session) = app.signed_in().await;
    let raw = |Extension(user): Extension<Option<User>>| async move { user.is_some().to_string() };
    let state = AppState { torii: app.torii.clone() };
    let router = Router::new()
        .route("/who", get(who))
        .route("/raw", get(raw))
        .layer(from_fn_with_state(state, auth_middleware::<AppState, Db>));
    let ask = |path: &str| Ask::new(router.clone(), "GET", path);
    assert_eq!(ask("/who").bearer(&token_of(&session)).send().await.ok().text, EMAIL);
    assert_eq!(ask("/raw").bearer(&token_of(&session)).send().await.ok().text, "true");
    assert_eq!(ask("/raw").send().await.ok().text, "false");
    ask("/who").send().await.refused(401, "Unauthorized");
    // Without middleware nobody is signed in.
    let bare = Router::new().route("/who", get(who));
    Ask::new(bare, "GET", "/who").bearer(&token_of(&session)).send().await.refused(401, "Unauthorized");
}

#[tokio::test]
async fn answers_to_somebody_are_kept_by_no_cache() {
    let app = App::single().await;
    let (_, session) = app.signed_in().await;
    let state = AppState { torii: app.torii.clone() };
    let picture = || async { ([("cache-control", "max-age=60")], "picture") };
    let router = Router::new()
        .route("/page", get(|| async { "page" }))
        .route("/picture", get(picture))
        .layer(from_fn_with_state(state, auth_middleware::<AppState, Db>));
    let ask = |path: &str| Ask::new(router.clone(), "GET", path);
    let page = ask("/page").bearer(&token_of(&session)).send().await.ok();
    assert_eq!(page.header("cache-control"), Some("no-store"));
    assert_eq!(ask("/page").send().await.ok().header("cache-control"), None);
    let picture = ask("/picture").bearer(&token_of(&session)).send().await.ok();
    assert_eq!(picture.header("cache-control"), Some("max-age=60"));
}

#[tokio::test]
async fn require_auth_lets_users_pass_only() {
    let app = App::single().await;
    let (user, session) = app.signed_in().await;
    let state = AppState { torii: app.torii.clone() };
    let router = Router::new().route("/who", get(who)).layer(from_fn_with_state(state, require_auth::<AppState, Db>));
    let ask = || Ask::new(router.clone(), "GET", "/who");
    ask().send().await.refused(401, "Unauthorized");
    ask().bearer("unknown").send().await.refused(401, "Invalid session");
    assert_eq!(ask().bearer(&token_of(&session)).send().await.ok().text, EMAIL);
    app.here().delete_user(&user.id).await.unwrap();
    ask().bearer(&token_of(&session)).send().await.refused(401, "Invalid session");
}

#[tokio::test]
async fn a_deleted_user_of_a_signed_token_is_nobody() {
    let jwt = torii::JwtConfig::new_hs256(vec![7; 32]).unwrap();
    let app = App::tenants_with(|torii| torii.with_jwt_sessions(jwt), |settings| settings).await;
    let user = app.world.register(EMAIL).await;
    let session = app.torii.with_tenant("acme-corp").create_session(&user.id, None, None).await.unwrap();
    let ask = |path: &str| app.ask("GET", path).bearer(&token_of(&session)).send();
    ask("/me").await.ok();
    app.here().delete_user(&user.id).await.unwrap();
    ask("/me").await.refused(401, "Unauthorized");
    ask("/auth/user").await.refused(401, "Unauthorized");
}

#[tokio::test]
async fn bearer_is_read_as_the_rfc_says() {
    let app = App::single().await;
    let (_, session) = app.signed_in().await;
    let token = token_of(&session);
    let ask = |value: String| app.ask("GET", "/me").header("authorization", &value).send();
    for good in [format!("Bearer {token}"), format!("bearer {token}"), format!("BEARER   {token} ")] {
        ask(good).await.ok();
    }
    for bad in [
        format!("Bearer{token}"),
        format!("Basic {token}"),
        token.clone(),
        "Bearer ".to_owned(),
        format!("Bearer a {token}"),
    ] {
        ask(bad).await.refused(401, "Unauthorized");
    }
    let twice = app.ask("GET", "/me").bearer(&token).bearer(&token);
    twice.send().await.refused(401, "Unauthorized");
}

#[tokio::test]
async fn token_extractors_check_nothing() {
    let name = |token: Option<SessionToken>| token.map_or("-".to_owned(), |token| token.expose_secret().to_owned());
    let router = Router::new()
        .route("/bearer", get(move |SessionTokenFromBearer(token): SessionTokenFromBearer| async move { name(token) }))
        .route("/any", get(move |SessionTokenFromRequest(token): SessionTokenFromRequest| async move { name(token) }));
    let ask = |path: &str| Ask::new(router.clone(), "GET", path).cookie("session_id=c");
    assert_eq!(ask("/bearer").send().await.ok().text, "-");
    assert_eq!(ask("/bearer").bearer("b").send().await.ok().text, "b");
    assert_eq!(ask("/any").send().await.ok().text, "c");
    assert_eq!(ask("/any").bearer("b").send().await.ok().text, "b");
}

/// Somebody who was let in by other middleware is not let into the tenant.
#[tokio::test]
async fn whoever_was_found_before_is_forgotten() {
    let app = App::tenants().await;
    let stranger = app.torii.with_tenant("neighbour").get_user_by_email(EMAIL).await.unwrap().unwrap();
    let router = app.router.clone().layer(map_request(move |mut request: axum::extract::Request| {
        let stranger = stranger.clone();
        async move {
            request.extensions_mut().insert(stranger.clone());
            request.extensions_mut().insert(Some(stranger));
            request
        }
    }));
    let ask = |path: &str| Ask::new(router.clone(), "GET", path).host(HERE).send();
    ask("/me").await.refused(401, "Unauthorized");
    assert_eq!(ask("/maybe").await.ok().text, "nobody");
    ask("/auth/user").await.refused(401, "Unauthorized");
}

#[tokio::test]
async fn a_client_is_known_by_its_connection_or_by_our_proxies() {
    let app = App::single().await;
    let ask = |app: &App| {
        app.ask("GET", "/client").header("x-forwarded-for", "198.51.100.7, 203.0.113.9").header("user-agent", "test")
    };
    assert_eq!(ask(&app).send().await.ok().text, "None Some(\"test\")");
    assert_eq!(ask(&app).at_address("192.0.2.1").send().await.ok().text, "Some(\"192.0.2.1\") Some(\"test\")");
    let behind = App::single_with(development().with_trusted_proxies(1)).await;
    assert_eq!(ask(&behind).at_address("192.0.2.1").send().await.ok().text, "Some(\"203.0.113.9\") Some(\"test\")");
}

/// One statement says whose a token is, however many layers want to know.
#[tokio::test]
async fn a_request_costs_one_statement() {
    let options = OpenOptions::for_laws_of("statements");
    assert!(options.log_statements);
    let world = World::open::<Sqlite>(ScopeUnderTest::DefaultTenant, options).await;
    let torii = Arc::new(world.torii_with(|torii| torii));
    let app = App::assemble(world, torii, development(), "app.example");
    let (_, session) = app.signed_in().await;
    for (path, token, expected) in [
        ("/auth/user", Some(token_of(&session)), 1),
        ("/auth/session", Some(token_of(&session)), 1),
        ("/auth/sessions", Some(token_of(&session)), 2),
        ("/me", Some(token_of(&session)), 1),
        ("/me", Some("unknown".to_owned()), 1),
        ("/auth/user", Some("unknown".to_owned()), 1),
        ("/me", None, 0),
        ("/auth/user", None, 0),
    ] {
        let ask = app.ask("GET", path);
        let ask = token.iter().fold(ask, |ask, token| ask.cookie(&format!("session_id={token}")));
        let (statements, _) = app.world.statements_of(ask.send()).await;
        assert_eq!(statements.count(), expected, "{path} {token:?}\n{statements}");
    }
}
