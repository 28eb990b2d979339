use super::{PasskeyError, RelyingParty};

fn origins(rp_id: &str, origins: &[&str]) -> Result<Vec<String>, PasskeyError> {
    let rp = RelyingParty::new(rp_id, origins, "Example")?;
    Ok(rp.origins().map(str::to_owned).collect())
}

#[test]
fn origins_are_kept_as_browsers_write_them() {
    for (rp_id, given, kept) in [
        ("example.com", "https://example.com", "https://example.com"),
        ("example.com", "https://example.com/", "https://example.com"),
        ("example.com", "https://EXAMPLE.com:443", "https://example.com"),
        ("example.com", "https://a.b.example.com:8443", "https://a.b.example.com:8443"),
        ("xn--bcher-kva.example", "https://bücher.example", "https://xn--bcher-kva.example"),
        ("localhost", "http://localhost:3000", "http://localhost:3000"),
        ("localhost", "https://localhost", "https://localhost"),
        ("intranet", "https://intranet", "https://intranet"),
    ] {
        assert_eq!(origins(rp_id, &[given]).unwrap(), [kept]);
    }
}

#[test]
fn origins_outside_the_id_are_refused() {
    for (rp_id, origin) in [
        ("example.com", "https://example.org"),
        ("example.com", "https://notexample.com"),
        ("example.com", "https://example.com.evil.org"),
        ("app.example.com", "https://example.com"),
        ("example.com", "http://localhost:3000"),
        ("com", "https://example.com"),
    ] {
        assert!(matches!(origins(rp_id, &[origin]), Err(PasskeyError::OriginOutsideRpId { .. })), "{rp_id} {origin}");
    }
}

#[test]
fn what_is_no_secure_origin_is_refused() {
    for origin in [
        "",
        "example.com",
        "http://example.com",
        "ftp://example.com",
        "https://203.0.113.7",
        "https://[::1]",
        "https://example.com/login",
        "https://example.com/?a=b",
        "https://example.com/#a",
        "https://john@example.com",
        "https://example.com:99999",
    ] {
        assert!(matches!(origins("example.com", &[origin]), Err(PasskeyError::InvalidOrigin { .. })), "{origin}");
    }
    assert!(matches!(origins("example.com", &[]), Err(PasskeyError::NoOrigin)));
}

#[test]
fn what_is_no_domain_name_is_no_id() {
    for rp_id in [
        "",
        "Example.com",
        "https://example.com",
        "example.com:443",
        "127.0.0.1",
        "bücher.example",
        "a b",
        "example.com.",
    ] {
        assert!(matches!(origins(rp_id, &["https://example.com"]), Err(PasskeyError::InvalidRpId { .. })), "{rp_id}");
    }
}
