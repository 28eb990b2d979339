//! Every route, by a browser without a screen.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::sync::Arc;

use axum::{
    Router,
    body::to_bytes,
    http::{HeaderMap, Request, header},
};
use serde_json::{Value, json};
use todos::Auth;
use torii::ToriiBuilder;
use tower::ServiceExt as _;

const EMAIL: &str = "john@example.com";
const PASSWORD: &str = "correct horse battery";
/// An id that no todo has.
const NO_TODO: &str = "00000000-0000-4000-8000-000000000000";

struct Browser {
    app: Router,
    cookie: Option<String>,
}

struct Answer {
    status: u16,
    headers: HeaderMap,
    text: String,
}

impl Browser {
    async fn send(&mut self, method: &str, path: &str, form: &str) -> Answer {
        let request = Request::builder().method(method).uri(path).header(header::HOST, "localhost:4000");
        let request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        let request = match &self.cookie {
            Some(cookie) => request.header(header::COOKIE, cookie),
            None => request,
        };
        let (parts, body) =
            self.app.clone().oneshot(request.body(form.to_owned()).unwrap()).await.unwrap().into_parts();
        if let Some(cookie) = parts.headers.get(header::SET_COOKIE) {
            let cookie = cookie.to_str().unwrap();
            assert!(cookie.contains("Path=/"), "{cookie}");
            self.cookie = (!cookie.contains("Max-Age=0")).then(|| cookie.split(';').next().unwrap().to_owned());
        }
        let text = String::from_utf8(to_bytes(body, 1 << 20).await.unwrap().into()).unwrap();
        Answer { status: parts.status.as_u16(), headers: parts.headers, text }
    }

    async fn get(&mut self, path: &str) -> Answer {
        self.send("GET", path, "").await
    }

    async fn post(&mut self, path: &str, form: &str) -> Answer {
        self.send("POST", path, form).await
    }

    async fn sign_in(&mut self, email: &str, password: &str) -> Answer {
        self.post("/auth/sign-in", &format!("email={email}&password={password}")).await
    }

    /// Adds a todo and returns its id.
    async fn add(&mut self, title: &str) -> String {
        let row = self.post("/todos", &format!("title={title}")).await;
        assert_eq!(row.status, 200, "{}", row.text);
        let id = row.text.split("/todos/").nth(1).unwrap();
        id.split('/').next().unwrap().to_owned()
    }
}

impl Answer {
    #[track_caller]
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }

    #[track_caller]
    fn leads_to(&self, path: &str) {
        let location = self.headers.get(header::LOCATION).map(|value| value.to_str().unwrap());
        assert_eq!((self.status, location), (303, Some(path)), "{}", self.text);
    }
}

async fn start() -> (Arc<Auth>, Router) {
    let torii = ToriiBuilder::new().with_sqlite("sqlite::memory:").await.unwrap();
    let torii = Arc::new(torii.apply_migrations(true).build().await.unwrap());
    (Arc::clone(&torii), todos::app(torii))
}

fn browser(app: &Router) -> Browser {
    Browser { app: app.clone(), cookie: None }
}

/// Somebody who is signed in.
async fn member(app: &Router, email: &str) -> Browser {
    let mut browser = browser(app);
    let signed_up = browser.post("/auth/sign-up", &format!("email={email}&password={PASSWORD}")).await;
    assert_eq!((signed_up.status, signed_up.json()), (200, json!({ "message": "Successfully signed up" })));
    assert!(browser.cookie.is_none(), "signing up signs nobody in");
    let signed_in = browser.sign_in(email, PASSWORD).await;
    assert_eq!((signed_in.status, signed_in.json()), (200, json!({ "message": "Successfully signed in" })));
    let cookie = signed_in.headers[header::SET_COOKIE].to_str().unwrap();
    assert!(cookie.starts_with("session_id=") && cookie.ends_with("; HttpOnly; SameSite=Lax; Path=/"), "{cookie}");
    browser
}

#[tokio::test]
async fn forms_and_files_are_there_for_everybody() {
    let (_, app) = start().await;
    for (path, content) in [
        ("/sign-up", "action=\"/auth/sign-up\""),
        ("/sign-in", "action=\"/auth/sign-in\""),
        ("/app.js", "addEventListener"),
        ("/style.css", "main {"),
    ] {
        let page = browser(&app).get(path).await;
        assert_eq!(page.status, 200, "{path}");
        assert!(page.text.contains(content), "{path}: {}", page.text);
    }
    let mut john = member(&app, EMAIL).await;
    john.get("/sign-up").await.leads_to("/");
    john.get("/sign-in").await.leads_to("/");
}

#[tokio::test]
async fn what_is_wrong_with_a_sign_up_is_said() {
    let (_, app) = start().await;
    for form in ["email=john&password=correct+horse+battery", "email=john%40example.com&password=short"] {
        let refused = browser(&app).post("/auth/sign-up", form).await;
        assert_eq!(refused.status, 400);
        let error = refused.json()["error"].as_str().unwrap().to_owned();
        assert!(error.starts_with("Sign up failed: "), "{error}");
    }
}

#[tokio::test]
async fn a_taken_address_keeps_its_password() {
    let (_, app) = start().await;
    member(&app, EMAIL).await;
    let again = browser(&app).post("/auth/sign-up", &format!("email={EMAIL}&password=another+long+one")).await;
    assert_eq!((again.status, again.json()), (200, json!({ "message": "Successfully signed up" })));
    assert_eq!(browser(&app).sign_in(EMAIL, "another+long+one").await.status, 401);
    assert_eq!(browser(&app).sign_in(EMAIL, PASSWORD).await.status, 200);
}

#[tokio::test]
async fn wrong_credentials_are_refused_alike_and_then_for_a_while() {
    let (_, app) = start().await;
    member(&app, EMAIL).await;
    let mut guesser = browser(&app);
    let wrong = guesser.sign_in(EMAIL, "wrong").await;
    let unknown = guesser.sign_in("nobody@example.com", "wrong").await;
    assert_eq!((wrong.status, unknown.status), (401, 401));
    assert_eq!(wrong.json(), unknown.json());

    let mut last = wrong;
    while last.status == 401 {
        last = guesser.sign_in(EMAIL, "wrong").await;
    }
    assert_eq!(last.status, 429);
    assert!(last.headers.contains_key(header::RETRY_AFTER));
    assert!(guesser.cookie.is_none());
}

#[tokio::test]
async fn visitors_are_sent_to_sign_in() {
    let (_, app) = start().await;
    let toggle = format!("/todos/{NO_TODO}/toggle");
    let todo = format!("/todos/{NO_TODO}");
    for (method, path) in [("GET", "/"), ("GET", "/whoami"), ("POST", "/todos"), ("POST", &toggle), ("DELETE", &todo)] {
        browser(&app).send(method, path, "title=x").await.leads_to("/sign-in");
    }
}

#[tokio::test]
async fn a_stale_cookie_is_nobodys_and_is_forgotten() {
    let (torii, app) = start().await;
    let mut john = member(&app, EMAIL).await;
    let stale = john.cookie.clone();
    let user = torii.get_user_by_email(EMAIL).await.unwrap().unwrap();
    torii.delete_sessions_for_user(&user.id).await.unwrap();
    for cookie in [stale, Some("session_id=nonsense".to_owned()), Some("session_id=".to_owned())] {
        for path in ["/", "/whoami"] {
            john.cookie = cookie.clone();
            john.get(path).await.leads_to("/sign-in");
            assert!(john.cookie.is_none(), "{cookie:?}");
        }
        john.cookie = cookie;
        assert_eq!(john.get("/sign-in").await.status, 200);
        john.get("/sign-out").await.leads_to("/");
    }
}

#[tokio::test]
async fn signing_out_ends_the_session() {
    let (_, app) = start().await;
    for method in ["GET", "POST"] {
        let mut john = member(&app, EMAIL).await;
        let copy = john.cookie.clone();
        john.send(method, "/sign-out", "").await.leads_to("/");
        assert!(john.cookie.is_none());
        let mut thief = Browser { app: app.clone(), cookie: copy };
        thief.get("/whoami").await.leads_to("/sign-in");
    }
}

#[tokio::test]
async fn whoami_is_the_user_without_secrets() {
    let (_, app) = start().await;
    let user = member(&app, EMAIL).await.get("/whoami").await.json();
    assert_eq!(user["email"], EMAIL);
    assert!(user.get("password_hash").is_none(), "{user}");
}

#[tokio::test]
async fn todos_are_added_toggled_and_deleted() {
    let (_, app) = start().await;
    let mut john = member(&app, EMAIL).await;
    let id = john.add("water+the+plants").await;
    let page = john.get("/").await;
    assert!(page.text.contains("water the plants") && page.text.contains(EMAIL));
    assert_eq!(page.headers[header::CACHE_CONTROL], "no-store");

    for done in ["true", "false"] {
        let row = john.post(&format!("/todos/{id}/toggle"), "").await;
        assert!(row.text.contains(&format!("aria-pressed=\"{done}\"")), "{}", row.text);
    }
    assert_eq!(john.send("DELETE", &format!("/todos/{id}"), "").await.status, 204);
    assert!(!john.get("/").await.text.contains("water the plants"));
    for (method, path) in [("DELETE", format!("/todos/{id}")), ("POST", format!("/todos/{id}/toggle"))] {
        assert_eq!(john.send(method, &path, "").await.status, 404);
    }
    for title in ["", "++", &"x".repeat(201)] {
        assert_eq!(john.post("/todos", &format!("title={title}")).await.status, 422);
    }
}

#[tokio::test]
async fn nobody_reaches_the_todos_of_others() {
    let (_, app) = start().await;
    let mut john = member(&app, EMAIL).await;
    let mut jane = member(&app, "jane@example.com").await;
    let id = john.add("water+the+plants").await;
    assert!(!jane.get("/").await.text.contains("water"));
    assert_eq!(jane.post(&format!("/todos/{id}/toggle"), "").await.status, 404);
    assert_eq!(jane.send("DELETE", &format!("/todos/{id}"), "").await.status, 404);
    assert!(john.get("/").await.text.contains("aria-pressed=\"false\">water the plants"));
}

#[tokio::test]
async fn what_people_write_stays_text() {
    let (_, app) = start().await;
    let mut john = member(&app, EMAIL).await;
    let row = john.post("/todos", "title=%3Cscript%3Ealert(1)%3C%2Fscript%3E%22").await;
    for text in [row.text, john.get("/").await.text] {
        assert!(!text.contains("<script>alert") && text.contains("&#60;script&#62;alert(1)"), "{text}");
    }
}

#[tokio::test]
async fn forms_of_other_sites_are_refused() {
    let (_, app) = start().await;
    let john = member(&app, EMAIL).await;
    for path in ["/auth/sign-in", "/auth/sign-up", "/todos", "/sign-out"] {
        let request = Request::builder().method("POST").uri(path).header(header::COOKIE, john.cookie.as_ref().unwrap());
        let request = request.header("sec-fetch-site", "cross-site").body(String::new()).unwrap();
        assert_eq!(app.clone().oneshot(request).await.unwrap().status(), 403, "{path}");
    }
}
