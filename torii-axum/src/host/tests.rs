use super::*;

#[test]
fn hosts_lose_port_case_and_dot() {
    for (text, name) in [
        ("app.example", "app.example"),
        ("App.Example:8443", "app.example"),
        ("app.example.:80", "app.example"),
        ("app.example:", "app.example"),
        ("[::1]:3000", "[::1]"),
        ("[::1]", "[::1]"),
        ("127.0.0.1:3000", "127.0.0.1"),
    ] {
        assert_eq!(parse(text).unwrap().name, name, "{text}");
    }
}

#[test]
fn what_is_no_host_is_refused() {
    for text in ["", "a b", "a/b", "user@app.example", "a,b", "app.example\u{e9}", "a%2eb", "a\tb", "a?b"] {
        assert_eq!(parse(text), Err(NoHost), "{text:?}");
    }
}
