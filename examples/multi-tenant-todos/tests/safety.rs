//! What others cannot do.

mod support;

use axum::http::{HeaderValue, StatusCode, header};
use support::{ACME, ACME_HOST, GLOBEX, TestApp};

#[tokio::test]
async fn forms_of_other_sites_are_refused() {
    let app = TestApp::start().await;
    let john = app.member(ACME_HOST, "john@example.com").await;
    let foreign = [
        ("sec-fetch-site", "cross-site", "https://evil.example"),
        // Another tenant's host is another origin of the same site.
        ("sec-fetch-site", "same-site", "http://globex.localhost:3000"),
    ];
    for (name, value, origin) in foreign {
        let mut tricked = john.clone();
        tricked.headers.insert(name, HeaderValue::from_static(value));
        tricked.headers.insert(header::ORIGIN, HeaderValue::from_static(origin));
        for (page, fields) in [("todos", &[("title", "planted")][..]), ("sign-out", &[]), ("sessions/end-others", &[])]
        {
            let page = tricked.post(&format!("{ACME_HOST}/{page}"), fields).await;
            assert_eq!(page.status, StatusCode::FORBIDDEN);
            assert!(page.text.contains("The request came from another site"));
        }
        // Nor can somebody be signed in to an account that is not theirs.
        let page = tricked.sign_in(ACME_HOST, "john@example.com", support::PASSWORD).await;
        assert_eq!(page.status, StatusCode::FORBIDDEN);
    }
    let mut john = john;
    assert!(!john.get(ACME_HOST).await.text.contains("planted"));

    let mut operator = app.operator();
    operator.headers.insert("sec-fetch-site", HeaderValue::from_static("cross-site"));
    let page = operator.post("http://localhost:3000/operator/suspend", &[("tenant", "acme")]).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn todos_of_others_are_not_there() {
    let app = TestApp::start().await;
    let mut john = app.member(ACME, "john@example.com").await;
    let mut jane = app.member(ACME, "jane@example.com").await;
    let mut namesake = app.member(GLOBEX, "john@example.com").await;
    john.add_todo(ACME, "water the plants").await;
    let id = john.get(ACME).await.hidden("id").remove(0);

    for (client, base) in [(&mut jane, ACME), (&mut namesake, GLOBEX)] {
        for (page, fields) in
            [("done", &[("id", id.as_str()), ("done", "true")][..]), ("delete", &[("id", id.as_str())])]
        {
            let page = client.post(&format!("{base}/todos/{page}"), fields).await;
            assert_eq!(page.status, StatusCode::NOT_FOUND);
        }
        assert!(client.get(base).await.text.contains("Nothing to do"));
    }
    john.post(&format!("{ACME}/todos/done"), &[("id", &id), ("done", "true")]).await.is_sent_to("/t/acme");
    assert!(john.get(ACME).await.text.contains("All done."));
    john.post(&format!("{ACME}/todos/delete"), &[("id", &id)]).await.is_sent_to("/t/acme");
    assert!(john.get(ACME).await.text.contains("Nothing to do"));
}

#[tokio::test]
async fn a_title_is_one_line_and_never_markup() {
    let app = TestApp::start().await;
    let mut john = app.member(ACME, "john@example.com").await;
    john.add_todo(ACME, "<img src=x onerror=alert(1)>").await;
    let page = john.get(ACME).await;
    assert!(page.text.contains("&#60;img src=x") && !page.text.contains("<img src=x"));
    let long = "x".repeat(201);
    for title in ["", "  ", "two\nlines", &long] {
        let page = john.post(&format!("{ACME}/todos"), &[("title", title)]).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(page.text.contains(r#"id="title-problem""#));
    }
}

#[tokio::test]
async fn every_answer_forbids_scripts_and_frames() {
    let app = TestApp::start().await;
    let mut client = app.member(ACME, "john@example.com").await;
    let missing = format!("{ACME}/missing");
    let pages = [ACME, "http://localhost:3000/", "http://localhost:3000/operator", &missing, "http://evil.example/"];
    for url in pages {
        let page = client.get(url).await;
        let policy = page.headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{url}");
        assert!(policy.contains("frame-ancestors 'none'") && policy.contains("form-action 'self'"));
        assert_eq!(page.headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
        assert_eq!(page.headers[header::CACHE_CONTROL], "no-store");
        assert!(!page.text.contains("<script") && !page.text.contains(" style=") && !page.text.contains(" onclick="));
    }
    assert_eq!(client.get("http://evil.example/").await.status, StatusCode::MISDIRECTED_REQUEST);
}

#[tokio::test]
async fn the_operators_page_needs_its_token() {
    let app = TestApp::start().await;
    let url = "http://localhost:3000/operator";
    let mut client = app.member(ACME, "john@example.com").await;
    for credentials in [None, Some("Basic b3BlcmF0b3I6"), Some("Basic !"), Some("Bearer x")] {
        if let Some(credentials) = credentials {
            client.headers.insert(header::AUTHORIZATION, HeaderValue::from_static(credentials));
        }
        let page = client.get(url).await;
        assert_eq!(page.status, StatusCode::UNAUTHORIZED);
        assert!(page.headers.contains_key(header::WWW_AUTHENTICATE) && !page.text.contains("acme"));
        let page = client.post(&format!("{url}/suspend"), &[("tenant", "acme")]).await;
        assert_eq!(page.status, StatusCode::UNAUTHORIZED);
    }
    let page = app.operator().get(url).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.text.contains("acme") && page.text.contains("1 user<"), "{}", page.text);

    let register = format!("{url}/register");
    for name in ["", "Acme", "a_b", "-a", "a b", &"x".repeat(64)] {
        let page = app.operator().post(&register, &[("tenant", name)]).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{name}");
    }
    let page = app.operator().post(&format!("{url}/suspend"), &[("tenant", "nobody")]).await;
    assert_eq!(page.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn in_production_there_is_no_outbox_no_tenant_by_path_and_every_cookie_is_secure() {
    let (app, mut mails) = TestApp::start_in_production("https://todos.example").await;
    let mut client = app.client();
    for page in ["/dev/outbox", "/t/acme", "/t/acme/sign-in"] {
        assert_eq!(client.get(&format!("https://todos.example{page}")).await.status, StatusCode::NOT_FOUND, "{page}");
    }
    assert_eq!(client.get("https://localhost/").await.status, StatusCode::MISDIRECTED_REQUEST);
    app.operator().post("https://todos.example/operator/register", &[("tenant", "acme")]).await.is_sent_to("/operator");
    let acme = "https://acme.todos.example";

    client.post(&format!("{acme}/magic-link"), &[("email", "john@example.com")]).await.is_sent_to("/check-mail");
    let text = mails.recv().await.unwrap().text_body.unwrap();
    let link = text.lines().find(|line| line.starts_with("https://acme.todos.example/magic-link/open?token=")).unwrap();
    let page = client.post(&format!("{acme}/magic-link/open"), &[("token", &support::token_of(link))]).await;
    let cookie = page.headers[header::SET_COOKIE].to_str().unwrap();
    assert!(
        cookie.starts_with("__Host-session_id.acme=") && cookie.contains("; Secure") && cookie.contains("; HttpOnly")
    );
    assert!(client.get(&format!("{acme}/")).await.text.contains("john@example.com"));
    assert!(page.headers.contains_key(header::STRICT_TRANSPORT_SECURITY));
    let page = client.post(&format!("{acme}/sign-out"), &[]).await;
    let cookies: Vec<_> = page.headers.get_all(header::SET_COOKIE).iter().collect();
    assert_eq!(cookies.len(), 2, "the session ends, and that is said");
    assert!(cookies.iter().all(|cookie| cookie.to_str().unwrap().contains("; Secure")));
}
