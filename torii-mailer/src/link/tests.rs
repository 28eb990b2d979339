use super::{LinkError, link_with_token};
use crate::MailerError;

#[test]
fn the_token_is_appended_where_it_belongs() {
    for (base, expected) in [
        ("https://app.example", "https://app.example?token=T"),
        ("https://app.example/", "https://app.example?token=T"),
        ("https://app.example///", "https://app.example?token=T"),
        ("https://app.example:8443/auth/in/", "https://app.example:8443/auth/in?token=T"),
        ("http://localhost:3000/magic-link", "http://localhost:3000/magic-link?token=T"),
        ("https://app.example?", "https://app.example?token=T"),
        ("https://app.example/in?a=1&b=%20", "https://app.example/in?a=1&b=%20&token=T"),
        ("https://app.example/in/?a=1&", "https://app.example/in?a=1&token=T"),
        ("https://app.example/#/reset", "https://app.example?token=T#/reset"),
        ("https://app.example/in?a=1#top", "https://app.example/in?a=1&token=T#top"),
        ("https://bücher.example/a b", "https://xn--bcher-kva.example/a%20b?token=T"),
        ("https://[::1]:80/x", "https://[::1]:80/x?token=T"),
        ("myapp://reset/", "myapp://reset?token=T"),
        ("myapp:/reset/", "myapp:/reset?token=T"),
        ("myapp:/", "myapp:/?token=T"),
    ] {
        assert_eq!(link_with_token(base, "T").unwrap(), expected, "{base}");
    }
}

#[test]
fn the_token_is_encoded() {
    let link = link_with_token("https://a.example", "a+b c&d=e#f/ü~%-_.").unwrap();
    assert_eq!(link, "https://a.example?token=a%2Bb%20c%26d%3De%23f%2F%C3%BC%7E%25-_.");
    let back = url::Url::parse(&link).unwrap();
    let (key, value) = back.query_pairs().next().unwrap();
    assert_eq!((&*key, &*value), ("token", "a+b c&d=e#f/ü~%-_."));
}

#[test]
fn what_cannot_carry_a_token_is_refused_with_the_reason() {
    let reason = |base: &str| match link_with_token(base, "T") {
        Err(error @ MailerError::Link(_)) => {
            assert!(error.to_string().starts_with("Configuration error: "), "{error}");
            assert!(error.is_permanent());
            match error {
                MailerError::Link(reason) => reason,
                other => panic!("{other:?}"),
            }
        }
        other => panic!("{base}: {other:?}"),
    };
    for base in ["", "/auth/in", "app.example/in", "https://", "//app.example"] {
        assert!(matches!(reason(base), LinkError::NotAbsolute(_)), "{base}");
    }
    for base in ["mailto:a@b.example", "app:in"] {
        assert!(matches!(reason(base), LinkError::NotHierarchical), "{base}");
    }
    for base in ["javascript:alert(1)", "JavaScript://x/%0aalert(1)", "data:text/html,x", "vbscript:x"] {
        assert!(matches!(reason(base), LinkError::Scheme(_)), "{base}");
    }
    // Two colons read as a scheme, which is why the host must be written with one.
    assert!(matches!(reason("localhost:3000"), LinkError::NotHierarchical));
}
