//! The three algorithms, their keys, and what is written with them.

use base64::prelude::BASE64_STANDARD;

use super::*;

#[tokio::test]
async fn every_algorithm_reads_what_it_wrote() {
    for config in [hs256(), rs256(), eddsa()] {
        let name = format!("{:?}", config.jwt_algorithm());
        let provider = provider(config.with_issuer("me").with_metadata(true));
        let (agent, address) = (Some("Browser/1".to_owned()), Some("192.0.2.7".to_owned()));
        let made = provider
            .create_session(&UserId::new("u"), agent.clone(), address.clone(), TimeDelta::hours(1))
            .await
            .unwrap();
        let token = token_of(&made);
        assert_eq!(part(&token, 0), json!({"typ": "JWT", "alg": name}));

        let read = provider.get_session(&token).await.unwrap();
        assert_eq!((read.token, read.token_hash), (made.token, made.token_hash), "{name}");
        assert_eq!((&read.user_id, &read.tenant_id), (&UserId::new("u"), &TenantId::default_tenant()));
        assert_eq!((read.user_agent, read.ip_address), (agent, address));
        assert_eq!((read.created_at, read.updated_at, read.expires_at), (time(NOW), time(NOW), time(NOW + 3600)));
        assert_eq!((made.created_at, made.updated_at, made.expires_at), (time(NOW), time(NOW), time(NOW + 3600)));
    }
}

#[test]
fn tokens_of_versions_without_tenants_stay_valid() {
    for (config, token) in [(hs256(), OLD_HS256_TOKEN), (rs256(), OLD_RS256_TOKEN), (eddsa(), OLD_EDDSA_TOKEN)] {
        let token = SessionToken::new(token);
        let claims = token.verify_jwt(&config.clone().with_issuer("https://login.example.com")).unwrap();
        assert_eq!((claims.sub.as_str(), claims.iat, claims.exp), ("usr_2vSx9QmPqL8Z3kF1", 1_750_000_000, FAR));
        assert_eq!(claims.metadata.unwrap().user_agent.as_deref(), Some("Browser/1"));
        assert_eq!(claims.tenant, None);
        // They are good nowhere else.
        assert_eq!(refusal(token.verify_jwt_in_tenant(&config, &ACME)), SessionError::NotFound);
    }
}

#[test]
fn keys_can_be_given_one_by_one() {
    let claims = JwtClaims::new("u", 1_750_000_000, FAR);
    let token = SessionToken::new_jwt_hs256(&claims, &SECRET).unwrap();
    assert_eq!(token.verify_jwt_hs256(&SECRET).unwrap(), claims);
    for private in [RSA_PRIVATE, RSA_PRIVATE_PKCS1] {
        let token = SessionToken::new_jwt_rs256(&claims, private.as_bytes()).unwrap();
        assert_eq!(token.verify_jwt_rs256(RSA_PUBLIC.as_bytes()).unwrap(), claims);
        assert_eq!(refusal(token.verify_jwt_rs256(OTHER_RSA_PUBLIC.as_bytes())), invalid("InvalidSignature"));
        assert_eq!(refusal(token.verify_jwt_eddsa(ED_PUBLIC.as_bytes())), invalid("InvalidAlgorithm"));
    }
    let token = SessionToken::new_jwt_eddsa(&claims, ED_PRIVATE.as_bytes()).unwrap();
    assert_eq!(token.verify_jwt_eddsa(ED_PUBLIC.as_bytes()).unwrap(), claims);
    assert_eq!(refusal(token.verify_jwt_eddsa(OTHER_ED_PUBLIC.as_bytes())), invalid("InvalidSignature"));
    assert_eq!(refusal(token.verify_jwt_hs256(&SECRET)), invalid("InvalidAlgorithm"));
}

#[test]
fn the_key_functions_fit_the_jsonwebtoken_crate() {
    for config in [hs256(), rs256(), eddsa().with_key_id("1")] {
        let config = config.with_issuer("me");
        let claims = JwtClaims { iss: Some("me".into()), ..JwtClaims::new("u", 1_750_000_000, FAR) };
        let token = jsonwebtoken::encode(
            &jsonwebtoken::Header::new(config.jwt_algorithm()),
            &claims,
            &config.get_encoding_key().unwrap(),
        )
        .unwrap();
        let decode = |token: &str| {
            let key = config.get_decoding_key().unwrap();
            jsonwebtoken::decode::<JwtClaims>(token, &key, &config.get_validation())
        };
        assert_eq!(decode(&token).unwrap().claims, claims);

        let nobody = SessionToken::new_jwt(&JwtClaims { iss: None, ..claims.clone() }, &config).unwrap();
        let other = SessionToken::new_jwt(&JwtClaims { iss: Some("you".into()), ..claims }, &config).unwrap();
        assert!(decode(nobody.expose_secret()).is_err() && decode(other.expose_secret()).is_err());
    }
}

#[test]
fn short_secrets_are_refused_wherever_they_come_from() {
    let text = "HS256 secret key must be at least 32 bytes (256 bits), got 31 bytes";
    assert_eq!(invalid_field(JwtConfig::new_hs256(vec![7; 31])), text);
    assert_eq!(invalid_field(JwtVerificationKey::hs256([7; 31])), text);

    let literal =
        JwtConfig { algorithm: JwtAlgorithm::HS256 { secret_key: vec![7; 31] }, issuer: None, include_metadata: false };
    let claims = JwtClaims::new("u", NOW, FAR);
    let token = forge_payload(good_payload().to_string().as_bytes());
    for config in [literal.clone(), literal.with_key_id("1")] {
        assert_eq!(invalid_field(SessionToken::new_jwt(&claims, &config)), text);
        assert_eq!(invalid_field(token.verify_jwt(&config)), text);
        assert_eq!(invalid_field(config.get_encoding_key()), text);
        assert_eq!(invalid_field(config.get_decoding_key()), text);
    }
    assert_eq!(invalid_field(SessionToken::new_jwt_hs256(&claims, &[7; 31])), text);
    assert_eq!(invalid_field(token.verify_jwt_hs256(&[7; 31])), text);
}

#[tokio::test]
async fn a_bad_key_is_named_at_the_first_use() {
    let wrong: [(JwtConfig, &str, &str); 8] = [
        (JwtConfig::new_rs256("x".into(), "x".into()), "RSA", "InvalidKeyFormat"),
        (JwtConfig::new_rs256(ED_PRIVATE.into(), ED_PUBLIC.into()), "RSA", "InvalidKeyFormat"),
        (JwtConfig::new_rs256(EC_PRIVATE.into(), EC_PUBLIC.into()), "RSA", "InvalidKeyFormat"),
        (JwtConfig::new_rs256(RSA_PUBLIC.into(), RSA_PRIVATE.into()), "RSA", "RSA key invalid: "),
        (JwtConfig::new_rs256(SHORT_RSA_PRIVATE.into(), SHORT_RSA_PUBLIC.into()), "RSA", "RSA key invalid: "),
        (JwtConfig::new_eddsa(RSA_PRIVATE.into(), RSA_PUBLIC.into()), "Ed25519", "InvalidKeyFormat"),
        (JwtConfig::new_eddsa(EC_PRIVATE.into(), EC_PUBLIC.into()), "Ed25519", "InvalidKeyFormat"),
        (JwtConfig::new_eddsa(ED_PUBLIC.into(), ED_PRIVATE.into()), "Ed25519", "InvalidKeyFormat"),
    ];
    for (config, kind, reason) in wrong {
        let provider = provider(config.clone());
        let made = provider.create_session(&UserId::new("u"), None, None, TimeDelta::hours(1)).await;
        let text = invalid_field(made);
        assert!(text.starts_with(&format!("Invalid {kind} private key: {reason}")), "{text}");
        assert_eq!(invalid_field(config.get_encoding_key()), text);

        let text = invalid_field(provider.get_session(&SessionToken::new(OLD_RS256_TOKEN)).await);
        assert!(text.starts_with(&format!("Invalid {kind} public key: {reason}")), "{text}");
        assert_eq!(invalid_field(config.get_decoding_key()), text);
    }
    assert!(JwtVerificationKey::rs256(SHORT_RSA_PUBLIC).is_err());
    assert!(JwtVerificationKey::eddsa(EC_PUBLIC).is_err());
}

#[test]
fn an_ed25519_key_of_another_length_is_refused() {
    let pem = |label: &str, der: &[u8]| {
        format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", BASE64_STANDARD.encode(der))
    };
    // The structures of RFC 8410, sections 4 and 7, around 31 bytes instead of 32.
    let public = [&[0x30, 41, 0x30, 5, 6, 3, 0x2B, 0x65, 0x70, 3, 32, 0][..], &[9; 31]].concat();
    let private = [&[0x30, 45, 2, 1, 0, 0x30, 5, 6, 3, 0x2B, 0x65, 0x70, 4, 33, 4, 31][..], &[9; 31]].concat();
    let config = JwtConfig::new_eddsa(pem("PRIVATE KEY", &private).into(), pem("PUBLIC KEY", &public).into());
    assert_eq!(invalid_field(config.get_encoding_key()), "Invalid Ed25519 private key: InvalidEddsaKey");
    assert_eq!(invalid_field(config.get_decoding_key()), "Invalid Ed25519 public key: InvalidEddsaKey");
}

#[test]
fn a_key_file_that_is_not_there_is_named_by_its_half() {
    let text = invalid_field(JwtConfig::from_rs256_pem_files("/nonexistent/key", "/nonexistent/pub"));
    assert!(text.starts_with("Failed to read private key file: "), "{text}");
    let here = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let text = invalid_field(JwtConfig::from_eddsa_pem_files(here, "/nonexistent/pub"));
    assert!(text.starts_with("Failed to read public key file: "), "{text}");
    assert!(JwtConfig::from_rs256_pem_files(here, here).is_ok());
}

#[test]
fn debug_shows_no_key() {
    let ring = hs256()
        .with_key_id("b")
        .with_verification_key("a", JwtVerificationKey::hs256([7; 32]).unwrap())
        .with_verification_key("r", JwtVerificationKey::rs256(RSA_PUBLIC).unwrap());
    for config in [hs256(), rs256(), eddsa(), ring] {
        for text in [
            format!("{config:?}"),
            format!("{config:#?}"),
            format!("{:?}", config.algorithm),
            format!("{:?}", JwtSessionProvider::new(config.clone())),
            format!("{:?}", config.get_encoding_key().unwrap()),
        ] {
            // Bytes would be shown as numbers, PEM as text.
            assert!(!text.contains("7,") && !text.contains("45,") && !text.contains("MII"), "{text}");
            assert!(!text.contains("BEGIN") && !text.contains("\\n"), "{text}");
        }
    }
    assert_eq!(format!("{:?}", hs256().algorithm), "HS256([REDACTED])");
}

#[test]
fn claims_are_written_for_services_that_know_no_tenants() {
    let session = |tenant: TenantId| {
        Session::builder()
            .user_id(UserId::new("u"))
            .tenant_id(tenant)
            .created_at(time(NOW) + TimeDelta::milliseconds(900))
            .expires_at(time(FAR) + TimeDelta::milliseconds(900))
            .build()
            .unwrap()
    };
    let json = |claims: &JwtClaims| serde_json::to_value(claims).unwrap();

    let claims = session(TenantId::default_tenant()).to_jwt_claims(None, false);
    assert_eq!(json(&claims), json!({"sub": "u", "iat": NOW, "exp": FAR}));
    let claims = session(TenantId::default_tenant()).to_jwt_claims(Some("me".into()), true);
    assert_eq!(json(&claims), json!({"sub": "u", "iat": NOW, "exp": FAR, "iss": "me", "metadata": {}}));
    let claims = JwtClaims { tenant: Some(TenantId::default_tenant()), ..claims };
    assert_eq!(json(&claims).get("tenant"), None);

    let claims = session(ACME).to_jwt_claims(None, false);
    assert_eq!(json(&claims), json!({"sub": "u", "iat": NOW, "exp": FAR, "tenant": "acme"}));
    assert_eq!(claims.tenant_id(), ACME);
}

#[test]
fn claims_make_a_session() {
    let metadata = JwtMetadata { user_agent: Some("a".repeat(5000)), ip_address: Some("192.0.2.7".into()) };
    let claims = JwtClaims { metadata: Some(metadata), tenant: Some(ACME), ..JwtClaims::new("u", NOW, i64::MAX) };
    let session = Session::from_jwt_claims(SessionToken::new("a.b.c"), &claims);
    assert_eq!((session.user_id.as_str(), session.tenant_id), ("u", ACME));
    assert_eq!(session.created_at, time(NOW));
    // No calendar holds the end: it is now.
    assert_eq!(session.expires_at, session.updated_at);
    assert_eq!(session.user_agent.unwrap().len(), 1024);
    assert_eq!(session.ip_address.as_deref(), Some("192.0.2.7"));
    assert_ne!(session.token_hash, SessionToken::new("a.b.c").token_hash());
}
