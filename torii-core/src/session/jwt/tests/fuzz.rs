//! Whatever comes in, the answer is a typed error or claims that hold.

use proptest::prelude::*;

use super::*;
use crate::clock::SystemClock;

/// The claims that are acceptable, or a refusal of the kind a token can cause.
fn check(token: &SessionToken, config: &JwtConfig, tenant: &TenantId) -> bool {
    match token.verify_jwt_in_tenant(config, tenant) {
        Ok(claims) => {
            assert!(!claims.sub.is_empty() && claims.exp >= SystemClock.now().timestamp());
            assert_eq!(claims.tenant_id(), *tenant);
            assert_eq!(&Session::from_jwt_claims(token.clone(), &claims).tenant_id, tenant);
            true
        }
        Err(Error::Session(SessionError::InvalidToken(_) | SessionError::Expired | SessionError::NotFound)) => false,
        Err(other) => panic!("{other:?}"),
    }
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(".{0,8}", inner, 0..4)
                .prop_map(|map| Value::from_iter(map.into_iter().collect::<Vec<_>>())),
        ]
    })
}

/// Mostly what a claim should be, sometimes anything.
fn claim(good: impl Strategy<Value = Value> + 'static) -> impl Strategy<Value = Option<Value>> {
    prop_oneof![6 => good.prop_map(Some), 1 => json_value().prop_map(Some), 1 => Just(None)]
}

fn claims() -> impl Strategy<Value = Value> {
    let seconds = || prop_oneof![Just(NOW), Just(FAR), any::<i64>(), 0..FAR * 2].prop_map(Value::from);
    let text = || ".{0,20}".prop_map(Value::from);
    let tenant = prop_oneof![Just("acme"), Just("default"), Just("a b")].prop_map(Value::from);
    let metadata =
        prop::option::of(".{0,20}").prop_map(|agent| json!({"user_agent": agent, "ip_address": "192.0.2.7"}));
    let claims = (
        claim(text()),
        claim(seconds()),
        claim(prop_oneof![3 => Just(Value::from(FAR)), 1 => seconds()]),
        claim(text()),
        claim(metadata),
        claim(tenant),
        claim(seconds()),
        prop::option::weighted(0.1, json_value()),
    );
    claims.prop_map(|(sub, iat, exp, iss, metadata, tenant, auth_time, aud)| {
        let names = ["sub", "iat", "exp", "iss", "metadata", "tenant", "auth_time", "aud"];
        let values = [sub, iat, exp, iss, metadata, tenant, auth_time, aud];
        names.into_iter().zip(values).filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
    })
}

proptest! {
    #[test]
    fn any_text(text in ".{0,300}") {
        for token in [SessionToken::new(&text), SessionToken::Jwt(text.clone().into())] {
            prop_assert!(!check(&token, &hs256(), &ACME));
        }
    }

    #[test]
    fn any_three_parts(
        header in prop::collection::vec(any::<u8>(), 0..100),
        payload in prop::collection::vec(any::<u8>(), 0..100),
        signature in prop::collection::vec(any::<u8>(), 0..70),
    ) {
        let text = [header, payload, signature].map(|part| BASE64_URL_SAFE_NO_PAD.encode(part)).join(".");
        prop_assert!(!check(&SessionToken::new(&text), &eddsa(), &ACME));
    }

    #[test]
    fn any_header_over_a_good_signature(mut header in json_value(), key_id in prop::option::of("[ab]")) {
        if let Some(header) = header.as_object_mut() {
            header.insert("alg".into(), "HS256".into());
            header.insert("kid".into(), key_id.into());
        }
        let key = EncodingKey::from_secret(&SECRET);
        let payload = good_payload().to_string();
        let token = forge(header.to_string().as_bytes(), payload.as_bytes(), Algorithm::HS256, &key);
        check(&token, &hs256().with_key_id("a"), &TenantId::default_tenant());
    }

    #[test]
    fn any_claims_under_a_good_signature(claims in claims()) {
        let token = forge_payload(claims.to_string().as_bytes());
        let accepted = [TenantId::default_tenant(), ACME].map(|tenant| check(&token, &hs256(), &tenant));
        prop_assert!(accepted != [true, true]);
    }

    #[test]
    fn any_json_under_a_good_signature(claims in json_value()) {
        check(&forge_payload(claims.to_string().as_bytes()), &hs256(), &ACME);
    }
}
