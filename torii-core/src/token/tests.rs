use chrono::TimeDelta;

use super::*;

fn token(tenant: TenantId) -> SecureToken {
    let at = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
    let digest = TokenDigest::new(TokenUse::Mail(TokenPurpose::MagicLink), &tenant, "secret-text");
    SecureToken::new(UserId::new("u"), "secret-text".into(), digest.to_hex(), TokenPurpose::MagicLink, None, at, at, at)
        .in_tenant(tenant)
}

#[test]
fn verifies_its_own_text_in_its_own_tenant_only() {
    let here = token(TenantId::from_static("acme"));
    assert!(here.verify("secret-text"));
    assert!(!here.verify("secret-texu"));
    assert!(!here.clone().in_tenant(TenantId::default_tenant()).verify("secret-text"));
    assert_eq!(here.token(), Some("secret-text"));
}

#[test]
fn debug_shows_neither_text_nor_digest() {
    let token = token(TenantId::default_tenant());
    let text = format!("{token:?}");
    assert!(!text.contains("secret-text") && !text.contains(&token.token_hash), "{text}");
    let new = NewToken::random(TokenPurpose::MagicLink, token.expires_at);
    assert!(!format!("{new:?}").contains(new.token.expose_secret()));
}

#[test]
fn equality_is_to_the_second() {
    let one = token(TenantId::default_tenant());
    let mut other = one.clone();
    other.expires_at += TimeDelta::milliseconds(900);
    assert_eq!(one, other);
    other.used_at = Some(one.created_at);
    assert_ne!(one, other);
}

#[test]
fn purposes_round_trip() {
    for purpose in [TokenPurpose::MagicLink, TokenPurpose::PasswordReset, TokenPurpose::EmailVerification] {
        assert_eq!(purpose.as_str().parse::<TokenPurpose>().unwrap(), purpose);
    }
    assert_eq!(
        "x".parse::<TokenPurpose>().unwrap_err().to_string(),
        "Storage error: Database error: Invalid token purpose: x"
    );
}
