//! What must not get in.

use super::*;

#[tokio::test]
async fn no_altered_token_is_accepted() {
    for config in [hs256(), eddsa(), rs256()] {
        let stride = if matches!(config.algorithm, JwtAlgorithm::RS256 { .. }) { 7 } else { 1 };
        let provider = provider(config.with_metadata(true));
        let good = token_of(&sign_in(&provider).await);
        let text = good.expose_secret();
        assert!(provider.get_session(&good).await.is_ok());
        let mut altered = Vec::new();
        for index in (0..text.len()).step_by(stride).chain([text.len() - 1]) {
            let (before, here, after) = (&text[..index], &text[index..=index], &text[index + 1..]);
            // One of each kind of character, the neighbours in the alphabet (one bit apart), and one that base64 has not.
            let byte = here.as_bytes()[0];
            let near = [byte ^ 1, byte ^ 2, byte ^ 32].map(|byte| char::from(byte & 0x7F).to_string());
            for other in ["A", "z", "5", "-", "_", ".", "=", "+", "/", " ", "\0", "é", ""]
                .into_iter()
                .map(ToOwned::to_owned)
                .chain(near)
                .filter(|other| other != here)
            {
                altered.push(format!("{before}{other}{after}"));
            }
        }
        for end in ["A", "=", ".", ".A", "\n", " "] {
            altered.push(format!("{text}{end}"));
            altered.push(format!("{end}{text}"));
        }
        for token in altered {
            // By the variant: a text with a dot too many is not even taken for a JWT.
            let result = provider.get_session(&SessionToken::Jwt(token.clone().into())).await;
            assert!(matches!(result, Err(Error::Session(SessionError::InvalidToken(_)))), "{token} {result:?}");
        }
    }
}

#[tokio::test]
async fn parts_of_two_tokens_do_not_fit() {
    let provider = provider(hs256());
    let [one, two] = [token_of(&sign_in(&provider).await), token_of(&sign_in(&provider).await)];
    let (message, _) = one.expose_secret().rsplit_once('.').unwrap();
    let (_, signature) = two.expose_secret().rsplit_once('.').unwrap();
    let mixed = SessionToken::new(&format!("{message}.{signature}"));
    assert_eq!(refusal(provider.get_session(&mixed).await), invalid("InvalidSignature"));
}

#[test]
fn the_algorithm_is_not_taken_from_the_token() {
    let payload = good_payload().to_string();
    let encode = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(text);
    for config in [hs256(), rs256(), eddsa()] {
        for name in ["none", "None", "NONE", "nOnE", "", "HS1", "RS256 "] {
            let header = format!(r#"{{"typ":"JWT","alg":"{name}"}}"#);
            for signature in ["", "AAAA"] {
                let text = format!("{}.{}.{signature}", encode(&header), encode(&payload));
                let refused = refusal(SessionToken::new(&text).verify_jwt(&config));
                assert!(refused.to_string().contains("JSON error"), "{refused}");
            }
        }
        // Signed properly with what everybody knows.
        for known in [RSA_PUBLIC, ED_PUBLIC, ""] {
            for (name, algorithm) in
                [("HS256", Algorithm::HS256), ("HS384", Algorithm::HS384), ("HS512", Algorithm::HS512)]
            {
                let header = format!(r#"{{"typ":"JWT","alg":"{name}"}}"#);
                let key = EncodingKey::from_secret(known.as_bytes());
                let token = forge(header.as_bytes(), payload.as_bytes(), algorithm, &key);
                let refused = refusal(token.verify_jwt(&config));
                assert!(refused == invalid("InvalidAlgorithm") || refused == invalid("InvalidSignature"), "{refused}");
            }
        }
    }
    // The right key with another algorithm of its family.
    let key = EncodingKey::from_secret(&SECRET);
    let token = forge(br#"{"alg":"HS512"}"#, payload.as_bytes(), Algorithm::HS512, &key);
    assert_eq!(refusal(token.verify_jwt(&hs256())), invalid("InvalidAlgorithm"));
    let key = EncodingKey::from_rsa_pem(RSA_PRIVATE.as_bytes()).unwrap();
    for (header, algorithm) in [(r#"{"alg":"PS256"}"#, Algorithm::PS256), (r#"{"alg":"RS512"}"#, Algorithm::RS512)] {
        let token = forge(header.as_bytes(), payload.as_bytes(), algorithm, &key);
        assert_eq!(refusal(token.verify_jwt(&rs256())), invalid("InvalidAlgorithm"));
    }
}

#[test]
fn another_key_is_refused() {
    let claims = JwtClaims::new("u", 1_750_000_000, FAR);
    for (config, other) in [
        (hs256(), JwtConfig::new_hs256(vec![8; 32]).unwrap()),
        (rs256(), JwtConfig::new_rs256(OTHER_RSA_PRIVATE.into(), OTHER_RSA_PUBLIC.into())),
        (eddsa(), JwtConfig::new_eddsa(OTHER_ED_PRIVATE.into(), OTHER_ED_PUBLIC.into())),
    ] {
        let token = SessionToken::new_jwt(&claims, &other).unwrap();
        assert_eq!(refusal(token.verify_jwt(&config)), invalid("InvalidSignature"));
    }
}

#[test]
fn a_key_that_the_token_brings_is_not_used() {
    let jwk = r#"{"kty":"oct","k":"CAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAg"}"#;
    let header = format!(r#"{{"alg":"HS256","jwk":{jwk},"jku":"https://example.com/keys"}}"#);
    let key = EncodingKey::from_secret(&[8; 32]);
    let token = forge(header.as_bytes(), good_payload().to_string().as_bytes(), Algorithm::HS256, &key);
    assert_eq!(refusal(token.verify_jwt(&hs256())), invalid("InvalidSignature"));
}

#[test]
fn an_extension_that_must_be_understood_is_not() {
    for header in [r#"{"alg":"HS256","crit":["b64"],"b64":false}"#, r#"{"alg":"HS256","crit":[]}"#] {
        let key = EncodingKey::from_secret(&SECRET);
        let token = forge(header.as_bytes(), good_payload().to_string().as_bytes(), Algorithm::HS256, &key);
        assert_eq!(refusal(token.verify_jwt(&hs256())), invalid("unsupported critical header"));
    }
}

#[test]
fn a_token_for_somebody_else_is_refused() {
    let mut payload = good_payload();
    payload["aud"] = json!("another service");
    assert_eq!(refusal(forge_payload(payload.to_string().as_bytes()).verify_jwt(&hs256())), invalid("InvalidAudience"));
}

#[test]
fn what_is_no_jwt_is_called_that() {
    for text in ["", "abc", "a.b", "a.b.c.d", "......"] {
        let refused = refusal(SessionToken::new(text).verify_jwt(&hs256()));
        assert_eq!(refused, SessionError::InvalidToken("Not a JWT token".into()), "{text}");
    }
    for text in ["..", "a.b.c", "é.é.é", "a..", "..c", "e30.e30.", "e30.e30.e30"] {
        let refused = refusal(SessionToken::new(text).verify_jwt(&hs256()));
        assert!(refused.to_string().starts_with("Invalid token: JWT validation failed: "), "{text} {refused}");
    }
}

#[test]
fn a_megabyte_is_not_looked_at() {
    let long = invalid("the token is longer than 8192 bytes");
    for text in [
        format!("{}.{}.", "A".repeat(500_000), "A".repeat(500_000)),
        format!("..{}", "A".repeat(1_000_000)),
        format!("..{}", "A".repeat(8191)),
    ] {
        assert_eq!(refusal(SessionToken::new(&text).verify_jwt(&hs256())), long);
    }
    assert_eq!(refusal(SessionToken::Jwt(".".repeat(1_000_000).into()).verify_jwt(&hs256())), long);
    assert_ne!(refusal(SessionToken::Jwt(".".repeat(8192).into()).verify_jwt(&hs256())), long);
}

#[test]
fn a_refusal_quotes_nothing_of_the_token() {
    let encode = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(text);
    let header = encode(&format!(r#"{{"alg":"{}"}}"#, "\\nERROR forged".repeat(300)));
    let refused = refusal(SessionToken::new(&format!("{header}.e30.")).verify_jwt(&hs256()));
    assert!(refused.to_string().len() < 100 && !refused.to_string().contains("forged"), "{refused}");
}

#[test]
fn claims_that_make_no_sense_are_typed_errors() {
    let nested = format!(r#"{{"sub":{}}}"#, "[".repeat(3000));
    let cases: [(&[u8], &str); 18] = [
        (br#"{"sub":"","iat":1,"exp":4102444800}"#, "InvalidSubject"),
        (br#"{"iat":1,"exp":4102444800}"#, "JSON error"),
        (br#"{"sub":7,"iat":1,"exp":4102444800}"#, "JSON error"),
        (br#"{"sub":"u","iat":1}"#, "JSON error"),
        (br#"{"sub":"u","iat":1,"exp":null}"#, "JSON error"),
        (br#"{"sub":"u","iat":1,"exp":"4102444800"}"#, "JSON error"),
        (br#"{"sub":"u","iat":1,"exp":9223372036854775807}"#, "Invalid format for claim: exp"),
        (br#"{"sub":"u","iat":1,"exp":9223372036854775808}"#, "JSON error"),
        (br#"{"sub":"u","iat":1,"exp":1e400}"#, "JSON error"),
        (br#"{"sub":"u","iat":1,"exp":-1}"#, "Missing required claim: exp"),
        (br#"{"sub":"u","iat":-9223372036854775808,"exp":4102444800}"#, "Invalid format for claim: iat"),
        (
            br#"{"sub":"u","iat":1,"exp":4102444800,"auth_time":9223372036854775807}"#,
            "Invalid format for claim: auth_time",
        ),
        (br#"{"sub":"u","iat":1,"exp":1,"exp":4102444800}"#, "JSON error"),
        (br#"{"sub":"u","iat":1,"exp":4102444800,"tenant":"a b"}"#, "JSON error"),
        (br#"{"sub":"u","iat":1,"exp":4102444800,"tenant":""}"#, "JSON error"),
        (br#"{"sub":"u","iat":1,"exp":4102444800,"tenant":["default"]}"#, "JSON error"),
        (b"\xFF\xFE{", "JSON error"),
        (nested.as_bytes(), "JSON error"),
    ];
    for (payload, reason) in cases {
        let refused = refusal(forge_payload(payload).verify_jwt(&hs256())).to_string();
        let payload = String::from_utf8_lossy(payload);
        assert!(refused.starts_with(&format!("Invalid token: JWT validation failed: {reason}")), "{payload} {refused}");
    }
    for tenant in ["null", r#""default""#] {
        let payload = format!(r#"{{"sub":"u","iat":1,"exp":4102444800,"tenant":{tenant}}}"#);
        assert!(forge_payload(payload.as_bytes()).verify_jwt(&hs256()).unwrap().tenant_id().is_default());
    }
}
