//! Sessions in signed tokens, through the facade.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop there"
)]

mod common;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use chrono::Duration;
use common::{Db, EMAIL, Fixture, ORIGIN, PASSWORD, SoftAuthenticator, core_error, token_of};
use serde_json::{Value, json};
use torii::{
    JwtClaims, JwtConfig, JwtVerificationKey, PageRequest, RelyingParty, Session, SessionConfig, SessionToken,
    TenantScope, Torii, ToriiError, User,
};
use torii_core::{
    Clock, RepositoryProvider,
    error::{Error, SessionError, StorageErrorKind},
};

const DAY: Duration = Duration::days(1);

fn config() -> JwtConfig {
    JwtConfig::new_hs256(vec![7; 32]).unwrap()
}

/// The library with JWT sessions, in the tenant `acme`.
fn with_jwt(fixture: &Fixture, config: JwtConfig) -> TenantScope<Db> {
    fixture.again().with_session_expiry(DAY).with_jwt_sessions(config).with_tenant("acme")
}

/// A user with a session in a signed token.
async fn signed_in(fixture: &Fixture, acme: &TenantScope<Db>) -> (User, SessionToken) {
    fixture.register(EMAIL).await;
    let (user, session) = acme.authenticate(EMAIL, PASSWORD, None, None).await.unwrap();
    (user, token_of(&session))
}

async fn rows_of_sessions(fixture: &Fixture) -> i64 {
    sqlx::query_scalar("SELECT COUNT(*) FROM sessions").fetch_one(fixture.pool()).await.unwrap()
}

/// The three parts of a token, decoded but for the signature.
fn parts(token: &SessionToken) -> (Value, Value, String) {
    let parts: Vec<&str> = token.expose_secret().split('.').collect();
    let json = |part: &str| serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap();
    (json(parts[0]), json(parts[1]), parts[2].to_owned())
}

fn assembled(header: &Value, claims: &Value, signature: &str) -> SessionToken {
    let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    SessionToken::new(&format!("{}.{}.{signature}", part(header), part(claims)))
}

/// Nobody, by every call that takes a token; what `get_session` says of it is returned.
async fn is_nobody<S>(torii: &Torii<Db, S>, token: &SessionToken) -> ToriiError {
    assert!(torii.validate_session(token).await.unwrap().is_none());
    assert!(torii.authenticate_session(token).await.unwrap().is_none());
    assert!(matches!(torii.refresh_session(token).await, Err(ToriiError::StorageError(_))));
    torii.get_session(token).await.unwrap_err()
}

fn is_invalid(error: &ToriiError) -> bool {
    matches!(core_error(error), Some(Error::Session(SessionError::InvalidToken(_))))
}

fn is_unknown(error: &ToriiError) -> bool {
    matches!(error, ToriiError::StorageError(text) if *text == "Session not found")
}

#[tokio::test]
async fn every_way_to_sign_in_gives_a_signed_token_and_stores_no_session() {
    let fixture = Fixture::open().await;
    let acme = with_jwt(&fixture, config());
    let user = fixture.register(EMAIL).await;
    let mut sessions: Vec<(User, Session)> = Vec::new();

    sessions.push(acme.authenticate(EMAIL, PASSWORD, None, None).await.unwrap());
    let link = acme.magic_link().generate_token(EMAIL).await.unwrap();
    sessions.push(acme.magic_link().authenticate(link.token().unwrap(), None, None).await.unwrap());
    // Following the link proved the address, so that the identity may be linked by it.
    sessions.push(acme.oauth().authenticate("github", "42", EMAIL, None, None, None).await.unwrap());
    acme.passkey().register_credential(&user.id, b"credential".to_vec(), b"key".to_vec(), None).await.unwrap();
    sessions.push(acme.passkey().authenticate(b"credential", None, None).await.unwrap());
    let app = RelyingParty::new("app.example", [ORIGIN], "App").unwrap();
    let mut authenticator = SoftAuthenticator::default();
    let start = acme.passkey().start_registration(&app, &user.id).await.unwrap();
    let answer = authenticator.register(&start.options, ORIGIN);
    acme.passkey().finish_registration(&app, &user.id, &start.ceremony_id, &answer, None).await.unwrap();
    let start = acme.passkey().start_authentication(&app).await.unwrap();
    let answer = authenticator.authenticate(&start.options, ORIGIN);
    sessions.push(acme.passkey().finish_authentication(&app, &start.ceremony_id, &answer, None, None).await.unwrap());
    sessions.push((user.clone(), acme.create_session(&user.id, None, None).await.unwrap()));

    for (who, session) in &sessions {
        let token = token_of(session);
        assert!(token.is_jwt());
        assert_eq!(who.id, user.id);
        assert_eq!(session.tenant_id.as_str(), "acme");
        let (found, again) = acme.authenticate_session(&token).await.unwrap().expect("the token is good");
        assert_eq!((found.id, &again.token_hash), (user.id.clone(), &session.token_hash));
        assert_eq!(acme.get_session(&token).await.unwrap().user_id, user.id);
    }
    let mut tokens: Vec<_> = sessions.iter().map(|(_, session)| token_of(session).expose_secret().to_owned()).collect();
    tokens.sort();
    tokens.dedup();
    assert_eq!(tokens.len(), sessions.len(), "every sign-in has a token of its own");
    assert_eq!(rows_of_sessions(&fixture).await, 0);
}

#[tokio::test]
async fn the_session_says_what_the_sign_in_said() {
    let fixture = Fixture::open().await;
    let acme = with_jwt(&fixture, config().with_metadata(true));
    fixture.register(EMAIL).await;
    let (agent, address) = (Some("browser".to_owned()), Some("192.0.2.7".to_owned()));
    let (_, session) = acme.authenticate(EMAIL, PASSWORD, agent.clone(), address.clone()).await.unwrap();
    let read = acme.get_session(&token_of(&session)).await.unwrap();
    for session in [&session, &read] {
        assert_eq!((&session.user_agent, &session.ip_address), (&agent, &address));
        assert_eq!(session.expires_at.timestamp(), (fixture.clock.now() + DAY).timestamp());
    }
    let (header, claims, _) = parts(&token_of(&session));
    assert_eq!(header, json!({"typ": "JWT", "alg": "HS256"}));
    assert_eq!(claims["tenant"], "acme");
}

#[tokio::test]
async fn a_token_of_a_deleted_user_is_nobody() {
    let fixture = Fixture::open().await;
    let acme = with_jwt(&fixture, config());
    let (user, token) = signed_in(&fixture, &acme).await;
    acme.delete_user(&user.id).await.unwrap();
    assert!(acme.authenticate_session(&token).await.unwrap().is_none());
    // The token alone does not know, and nobody asked the database.
    assert!(acme.validate_session(&token).await.unwrap().is_some());
}

#[tokio::test]
async fn a_token_of_a_suspended_tenant_is_nobody() {
    let fixture = Fixture::open().await;
    let acme = with_jwt(&fixture, config());
    let (_, token) = signed_in(&fixture, &acme).await;
    fixture.torii.suspend_tenant("acme").await.unwrap();
    assert!(acme.authenticate_session(&token).await.unwrap().is_none());
    assert!(matches!(acme.authenticate(EMAIL, PASSWORD, None, None).await, Err(ToriiError::Tenant(_))));
    fixture.torii.resume_tenant("acme").await.unwrap();
    assert!(acme.authenticate_session(&token).await.unwrap().is_some());
}

#[tokio::test]
async fn a_token_is_nobody_in_every_other_tenant() {
    let fixture = Fixture::open().await;
    let torii = fixture.again().with_jwt_sessions(config());
    let (acme, other) = (torii.with_tenant("acme"), torii.with_tenant("other"));
    let mut tokens = Vec::new();
    for scope in [&acme, &other] {
        scope.register_user(EMAIL, PASSWORD).await.unwrap();
        tokens.push(token_of(&scope.authenticate(EMAIL, PASSWORD, None, None).await.unwrap().1));
    }
    torii.register_user(EMAIL, PASSWORD).await.unwrap();
    tokens.push(token_of(&torii.authenticate(EMAIL, PASSWORD, None, None).await.unwrap().1));

    for (index, token) in tokens.iter().enumerate() {
        for (place, scope) in [&acme, &other].into_iter().enumerate() {
            if place != index {
                assert!(is_unknown(&is_nobody(scope, token).await));
            }
        }
        if index != 2 {
            assert!(is_unknown(&is_nobody(&torii, token).await));
        }
    }
    // The claim itself cannot be rewritten.
    let (header, mut claims, signature) = parts(&tokens[0]);
    claims["tenant"] = json!("other");
    assert!(is_invalid(&is_nobody(&other, &assembled(&header, &claims, &signature)).await));
    claims.as_object_mut().unwrap().remove("tenant");
    assert!(is_invalid(&is_nobody(&torii, &assembled(&header, &claims, &signature)).await));
}

#[tokio::test]
async fn an_altered_token_is_nobody() {
    let fixture = Fixture::open().await;
    let acme = with_jwt(&fixture, config());
    let (user, token) = signed_in(&fixture, &acme).await;
    let (header, claims, signature) = parts(&token);
    let altered = |name: &str, value: Value| {
        let mut claims = claims.clone();
        claims[name] = value;
        assembled(&header, &claims, &signature)
    };
    let with_header = |header: Value| assembled(&header, &claims, &signature);
    let bare = token.expose_secret().rsplit_once('.').unwrap().0.to_owned();

    for forged in [
        altered("sub", json!("usr_somebody_else")),
        altered("exp", json!(32_503_680_000_i64)),
        altered("tenant", json!("acme ")),
        altered("sub", json!("")),
        assembled(&json!({"typ": "JWT", "alg": "none"}), &claims, ""),
        assembled(&json!({"typ": "JWT", "alg": "None"}), &claims, &signature),
        with_header(json!({"typ": "JWT", "alg": "HS384"})),
        with_header(json!({"typ": "JWT", "alg": "RS256"})),
        with_header(json!({"typ": "JWT", "alg": "HS256", "kid": "another"})),
        with_header(json!({"typ": "JWT", "alg": "HS256", "crit": ["exp"]})),
        SessionToken::new(&format!("{bare}.")),
        SessionToken::new(&format!("{bare}.{}", "A".repeat(43))),
        SessionToken::new(".."),
        SessionToken::new(&format!("{}.{}.{}", "A".repeat(4000), "A".repeat(4000), "A".repeat(4000))),
    ] {
        let error = is_nobody(&acme, &forged).await;
        assert!(is_invalid(&error), "{error}");
        assert!(error.to_string().starts_with("Storage error: Session error: Invalid token: JWT validation failed"));
    }
    let error = is_nobody(&acme, &SessionToken::new_random()).await;
    assert_eq!(error.to_string(), "Storage error: Session error: Invalid token: Not a JWT token");
    assert_eq!(acme.authenticate_session(&token).await.unwrap().unwrap().0.id, user.id);
}

#[tokio::test]
async fn a_token_of_another_key_or_issuer_is_nobody() {
    let fixture = Fixture::open().await;
    let acme = with_jwt(&fixture, config().with_issuer("here"));
    let (user, token) = signed_in(&fixture, &acme).await;
    let now = fixture.clock.now().timestamp();
    let claims = JwtClaims {
        tenant: Some(user.tenant_id.clone()),
        iss: Some("here".into()),
        ..JwtClaims::new(user.id.as_str(), now, now + 60)
    };
    let sign = |claims: &JwtClaims, key: u8| SessionToken::new_jwt_hs256(claims, &[key; 32]).unwrap();

    assert!(acme.validate_session(&sign(&claims, 7)).await.unwrap().is_some());
    assert!(is_invalid(&is_nobody(&acme, &sign(&claims, 8)).await));
    for iss in [None, Some("elsewhere".to_owned())] {
        assert!(is_invalid(&is_nobody(&acme, &sign(&JwtClaims { iss, ..claims.clone() }, 7)).await));
    }
    assert!(is_invalid(&is_nobody(&with_jwt(&fixture, config().with_issuer("elsewhere")), &token).await));
}

#[tokio::test]
async fn keys_rotate_without_signing_anybody_out() {
    let fixture = Fixture::open().await;
    let may = || JwtConfig::new_hs256(vec![5; 32]).unwrap().with_key_id("may");
    let november = || JwtConfig::new_hs256(vec![11; 32]).unwrap().with_key_id("november");
    let (user, old) = signed_in(&fixture, &with_jwt(&fixture, may())).await;

    let rotated = november().with_verification_key("may", JwtVerificationKey::hs256([5; 32]).unwrap());
    let acme = with_jwt(&fixture, rotated);
    assert_eq!(acme.get_session(&old).await.unwrap().user_id, user.id);
    let new = token_of(&acme.refresh_session(&old).await.unwrap());
    assert_eq!(parts(&new).0["kid"], "november");

    let done = with_jwt(&fixture, november());
    assert_eq!(done.get_session(&new).await.unwrap().user_id, user.id);
    assert!(is_invalid(&is_nobody(&done, &old).await));
}

#[tokio::test]
async fn a_token_ends_at_its_second_without_leeway() {
    let fixture = Fixture::open().await;
    let acme = with_jwt(&fixture, config());
    let (_, token) = signed_in(&fixture, &acme).await;
    let end = acme.get_session(&token).await.unwrap().expires_at;
    fixture.clock.set(end - Duration::microseconds(1));
    assert!(acme.authenticate_session(&token).await.unwrap().is_some());
    fixture.clock.set(end);
    assert!(is_unknown(&is_nobody(&acme, &token).await));
}

#[tokio::test]
async fn a_refresh_signs_a_new_token_and_keeps_the_sign_in() {
    let fixture = Fixture::open().await;
    let torii = fixture.again().with_session_expiry(DAY).with_session_max_lifetime(DAY * 3).with_jwt_sessions(config());
    let acme = torii.with_tenant("acme");
    let (user, first) = signed_in(&fixture, &acme).await;
    let began = acme.get_session(&first).await.unwrap().created_at;
    let mut token = first.clone();
    for _ in 0..4 {
        fixture.clock.advance(Duration::hours(20));
        if fixture.clock.now() - began > DAY * 3 {
            break;
        }
        let session = acme.refresh_session(&token).await.unwrap();
        assert_eq!((&session.user_id, session.created_at), (&user.id, began));
        assert!(session.expires_at <= began + DAY * 3, "never beyond the longest lifetime");
        assert_ne!(token_of(&session), token);
        token = token_of(&session);
    }
    assert!(acme.validate_session(&first).await.unwrap().is_none(), "the first token has ended by itself");
    fixture.clock.set(began + DAY * 3);
    assert!(is_unknown(&is_nobody(&acme, &token).await));
}

#[tokio::test]
async fn the_lifetime_that_was_set_stays_in_whatever_order() {
    let fixture = Fixture::open().await;
    let user = fixture.register(EMAIL).await;
    let lasts = async |torii: Torii<Db>| {
        let session = torii.with_tenant("acme").create_session(&user.id, None, None).await.unwrap();
        session.expires_at.timestamp() - fixture.clock.now().timestamp()
    };
    let hour = Duration::hours(1);
    let set_first = fixture.again().with_session_config(SessionConfig::default().expires_in(hour));
    assert_eq!(lasts(set_first.with_jwt_sessions(config())).await, 3600);
    let set_last = fixture.again().with_jwt_sessions(config()).with_session_expiry(hour);
    assert_eq!(lasts(set_last).await, 3600);
    let at_once = SessionConfig::default().with_jwt(config()).expires_in(hour);
    assert_eq!(lasts(fixture.again().with_session_config(at_once)).await, 3600);
    assert_eq!(lasts(fixture.again().with_jwt_sessions(config())).await, 30 * 24 * 3600);
    // And back to the database.
    let opaque = fixture.again().with_jwt_sessions(config()).with_session_config(SessionConfig::default());
    let session = opaque.with_tenant("acme").create_session(&user.id, None, None).await.unwrap();
    assert!(token_of(&session).is_opaque());
}

#[tokio::test]
async fn what_concerns_the_token_alone_asks_no_database() {
    let fixture = Fixture::open().await;
    let acme = with_jwt(&fixture, config());
    let (user, token) = signed_in(&fixture, &acme).await;
    fixture.pool().close().await;

    assert_eq!(acme.get_session(&token).await.unwrap().user_id, user.id);
    assert!(acme.validate_session(&token).await.unwrap().is_some());
    assert!(acme.create_session(&user.id, None, None).await.is_ok());
    assert!(acme.list_user_sessions(&user.id).await.unwrap().is_empty());
    // Neither does anything: a signed token is good until it ends.
    acme.delete_session(&token).await.unwrap();
    acme.revoke_session(&token).await.unwrap();
    acme.delete_sessions_for_user(&user.id).await.unwrap();
    assert!(acme.validate_session(&token).await.unwrap().is_some());
    // The user is in the database.
    for error in [
        acme.authenticate_session(&token).await.map(drop).unwrap_err(),
        acme.refresh_session(&token).await.map(drop).unwrap_err(),
    ] {
        assert_eq!(common::storage_kind(&error), Some(StorageErrorKind::Unavailable));
    }
}

#[tokio::test]
async fn a_key_that_is_none_is_reported_by_the_call_that_needs_it() {
    let fixture = Fixture::open().await;
    let user = fixture.register(EMAIL).await;
    let acme = with_jwt(&fixture, JwtConfig::new_rs256(b"no key".to_vec(), b"no key".to_vec()));
    for error in [
        acme.create_session(&user.id, None, None).await.unwrap_err(),
        acme.authenticate(EMAIL, PASSWORD, None, None).await.unwrap_err(),
        acme.get_session(&SessionToken::new("a.b.c")).await.unwrap_err(),
    ] {
        assert!(matches!(error, ToriiError::StorageError(_)), "{error}");
    }
    // Fields can be set by hand; the length is checked where the key is used.
    let short = JwtConfig { algorithm: torii::JwtAlgorithm::HS256 { secret_key: vec![7; 31] }, ..config() };
    let error = with_jwt(&fixture, short).create_session(&user.id, None, None).await.unwrap_err();
    assert!(error.to_string().ends_with("HS256 secret key must be at least 32 bytes (256 bits), got 31 bytes"));
}

#[tokio::test]
async fn a_signed_token_means_nothing_where_sessions_are_in_the_database() {
    let fixture = Fixture::open().await;
    let (_, token) = signed_in(&fixture, &with_jwt(&fixture, config())).await;
    assert!(is_unknown(&is_nobody(&fixture.acme, &token).await));
    assert_eq!(fixture.acme.users_page(PageRequest::first(10)).await.unwrap().items.len(), 1);
    assert_eq!(fixture.torii.repositories().clock().now(), fixture.clock.now());
}
