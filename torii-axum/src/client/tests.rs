use axum::http::HeaderValue;

use super::*;

fn headers(values: &[&str]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for value in values {
        headers.append("x-forwarded-for", HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    headers
}

#[test]
fn only_what_our_own_proxies_wrote_is_believed() {
    for (values, proxies, address) in [
        (&["198.51.100.7, 203.0.113.9"][..], 1, Some("203.0.113.9")),
        (&["198.51.100.7, 203.0.113.9"], 2, Some("198.51.100.7")),
        (&["198.51.100.7, 203.0.113.9"], 3, None),
        (&["198.51.100.7", "203.0.113.9"], 1, Some("203.0.113.9")),
        (&["1.1.1.1", "203.0.113.9:4711"], 1, Some("203.0.113.9")),
        (&["[2001:db8::1]:4711"], 1, Some("2001:db8::1")),
        (&["2001:db8::1"], 1, Some("2001:db8::1")),
        (&["203.0.113.9, unknown"], 1, None),
        (&["203.0.113.9,"], 1, None),
        (&["\u{e9}, 203.0.113.9"], 1, None),
        (&[], 1, None),
    ] {
        let found = forwarded_for(&headers(values), proxies).map(|address| address.to_string());
        assert_eq!(found.as_deref(), address, "{values:?}");
    }
}
