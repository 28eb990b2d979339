//! Keys with names, and replacing them.

use super::*;

fn ring() -> JwtConfig {
    JwtConfig::new_eddsa(ED_PRIVATE.into(), ED_PUBLIC.into())
        .with_key_id("c")
        .with_verification_key("a", JwtVerificationKey::hs256(SECRET).unwrap())
        .with_verification_key("b", JwtVerificationKey::rs256(RSA_PUBLIC).unwrap())
}

#[tokio::test]
async fn sessions_outlive_the_key_they_began_under() {
    let first = token_of(&sign_in(&provider(hs256().with_key_id("a"))).await);
    let second = token_of(&sign_in(&provider(rs256().with_key_id("b"))).await);
    let now = provider(ring());
    let third = token_of(&sign_in(&now).await);
    assert_eq!(part(&third, 0), json!({"typ": "JWT", "alg": "EdDSA", "kid": "c"}));
    for token in [&first, &second, &third] {
        assert!(now.get_session(token).await.is_ok());
    }
    // A refresh moves the session to the new key.
    let moved = token_of(&now.refresh_session(&first, TimeDelta::hours(1)).await.unwrap());
    assert_eq!(part(&moved, 0)["kid"], "c");
    // A key that is taken out ends what it signed.
    let later = provider(eddsa().with_key_id("c"));
    assert_eq!(refusal(later.get_session(&first).await), invalid("unknown key id"));
    assert!(later.get_session(&moved).await.is_ok());
}

#[tokio::test]
async fn an_unknown_name_is_refused() {
    let provider = provider(ring());
    let stranger = token_of(&sign_in(&self::provider(eddsa().with_key_id("d"))).await);
    assert_eq!(refusal(provider.get_session(&stranger).await), invalid("unknown key id"));
    // Also where no key has a name.
    assert_eq!(refusal(self::provider(eddsa()).get_session(&stranger).await), invalid("unknown key id"));
}

#[tokio::test]
async fn a_token_without_a_name_is_checked_with_the_signing_key_alone() {
    let provider = provider(ring());
    assert!(provider.get_session(&token_of(&sign_in(&self::provider(eddsa())).await)).await.is_ok());
    for other in [hs256(), rs256()] {
        let token = token_of(&sign_in(&self::provider(other)).await);
        assert_eq!(refusal(provider.get_session(&token).await), invalid("InvalidAlgorithm"));
    }
}

#[tokio::test]
async fn a_name_stands_for_one_key_and_one_algorithm() {
    let provider = provider(ring());
    // Signed with a key of the ring, under the name of another one.
    for (config, name) in [(hs256(), "b"), (hs256(), "c"), (rs256(), "a"), (rs256(), "c"), (eddsa(), "b")] {
        let token = token_of(&sign_in(&self::provider(config.with_key_id(name))).await);
        assert_eq!(refusal(provider.get_session(&token).await), invalid("InvalidAlgorithm"));
    }
    let other = JwtConfig::new_rs256(OTHER_RSA_PRIVATE.into(), OTHER_RSA_PUBLIC.into()).with_key_id("b");
    let token = token_of(&sign_in(&self::provider(other)).await);
    assert_eq!(refusal(provider.get_session(&token).await), invalid("InvalidSignature"));
    // The public key is no secret, whatever the header says.
    let key = EncodingKey::from_secret(RSA_PUBLIC.as_bytes());
    let header = br#"{"typ":"JWT","alg":"HS256","kid":"b"}"#;
    let token = forge(header, good_payload().to_string().as_bytes(), Algorithm::HS256, &key);
    assert_eq!(refusal(provider.get_session(&token).await), invalid("InvalidAlgorithm"));
}

#[tokio::test]
async fn the_name_of_the_signing_key_always_means_that_key() {
    // Listing every key, the signing one included, is what a key server does.
    let listed = hs256().with_verification_key("a", JwtVerificationKey::hs256([9; 32]).unwrap()).with_key_id("a");
    let provider = provider(listed);
    assert!(provider.get_session(&token_of(&sign_in(&provider).await)).await.is_ok());
    let other = JwtConfig::new_hs256(vec![9; 32]).unwrap().with_key_id("a");
    let token = token_of(&sign_in(&self::provider(other)).await);
    assert_eq!(refusal(provider.get_session(&token).await), invalid("InvalidSignature"));
}

#[test]
fn a_ring_in_a_ring_is_that_ring() {
    let ring = JwtKeyRing::new(ring().algorithm);
    assert_eq!(ring.key_id(), Some("c"));
    let config = JwtConfig { algorithm: JwtAlgorithm::KeyRing(ring), issuer: None, include_metadata: false };
    assert_eq!(config.jwt_algorithm(), Algorithm::EdDSA);
    let text = format!("{config:?}");
    assert!(text.contains(r#"verification: {"a": HS256([REDACTED]), "b": RS256([REDACTED])}"#), "{text}");
}
