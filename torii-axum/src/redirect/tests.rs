use axum::http::{StatusCode, header};

use super::*;

#[test]
fn paths_on_this_host_are_accepted() {
    for path in ["/", "/inbox", "/inbox?page=2#last", "/a//b", "/%2f%2fevil.example", "/:80", "/@evil.example"] {
        assert_eq!(path.parse::<LocalPath>().unwrap().as_str(), path);
    }
}

#[test]
fn nothing_leads_to_another_host() {
    for text in [
        "",
        "inbox",
        "https://evil.example",
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        "\t//evil.example",
        " //evil.example",
        "/ok\r\nSet-Cookie: a=b",
        "javascript:alert(1)",
        "data:text/html,x",
        "/caf\u{e9}",
        "/\u{2044}evil.example",
        "/\u{0}",
    ] {
        assert_eq!(text.parse::<LocalPath>(), Err(NotLocal), "{text:?}");
    }
    assert_eq!(format!("/{}", "a".repeat(LocalPath::MAX_LENGTH)).parse::<LocalPath>(), Err(NotLocal));
}

#[test]
fn it_is_a_redirect() {
    let response = "/inbox".parse::<LocalPath>().unwrap().into_response();
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    assert_eq!(response.headers()[header::LOCATION], "/inbox");
}
