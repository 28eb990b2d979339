use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use serde_json::{Value, json};

use super::*;
use crate::{
    clock::Clock,
    error::{Error, SessionError, ValidationError},
    session::{Session, SessionProvider, SessionToken},
    tenant::TenantId,
    user::UserId,
};

mod algorithms;
mod fuzz;
mod hostile;
mod keys;
mod provider;
mod rotation;

use keys::*;

const ACME: TenantId = TenantId::from_static("acme");
const SECRET: [u8; 32] = [7; 32];
/// A second in January 2027.
const NOW: i64 = 1_800_000_000;
/// A second in January 2100.
const FAR: i64 = 4_102_444_800;

/// A clock that is set by hand, in microseconds.
#[derive(Debug)]
struct ManualClock(AtomicI64);

impl ManualClock {
    fn at(seconds: i64) -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(seconds * 1_000_000)))
    }

    fn set(&self, time: DateTime<Utc>) {
        self.0.store(time.timestamp_micros(), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(self.0.load(Ordering::SeqCst)).unwrap()
    }
}

fn time(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(seconds, 0).unwrap()
}

fn hs256() -> JwtConfig {
    JwtConfig::new_hs256(SECRET.to_vec()).unwrap()
}

fn rs256() -> JwtConfig {
    JwtConfig::new_rs256(RSA_PRIVATE.into(), RSA_PUBLIC.into())
}

fn eddsa() -> JwtConfig {
    JwtConfig::new_eddsa(ED_PRIVATE.into(), ED_PUBLIC.into())
}

/// A provider whose clock stands at `NOW`.
fn provider(config: JwtConfig) -> JwtSessionProvider {
    JwtSessionProvider::new(config).with_clock(ManualClock::at(NOW))
}

async fn sign_in(provider: &JwtSessionProvider) -> Session {
    provider.create_session(&UserId::new("u"), None, None, TimeDelta::hours(1)).await.unwrap()
}

fn token_of(session: &Session) -> SessionToken {
    session.token.clone().unwrap()
}

/// The JSON of one part of a token.
fn part(token: &SessionToken, index: usize) -> Value {
    let encoded = token.expose_secret().split('.').nth(index).unwrap();
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(encoded).unwrap()).unwrap()
}

/// A token of any header and payload, signed all the same.
fn forge(header: &[u8], payload: &[u8], algorithm: Algorithm, key: &EncodingKey) -> SessionToken {
    let message = [header, payload].map(|part| BASE64_URL_SAFE_NO_PAD.encode(part)).join(".");
    let signature = crypto::sign(message.as_bytes(), key, algorithm).unwrap();
    SessionToken::Jwt(format!("{message}.{signature}").into())
}

/// A token of any payload, signed with `SECRET`.
fn forge_payload(payload: &[u8]) -> SessionToken {
    forge(br#"{"typ":"JWT","alg":"HS256"}"#, payload, Algorithm::HS256, &EncodingKey::from_secret(&SECRET))
}

/// The payload of a token that is valid by the clock of the operating system.
fn good_payload() -> Value {
    json!({"sub": "u", "iat": 1_750_000_000, "exp": FAR})
}

fn session_error(error: Error) -> SessionError {
    match error {
        Error::Session(error) => error,
        other => panic!("{other:?}"),
    }
}

fn refusal<T: std::fmt::Debug>(result: Result<T, Error>) -> SessionError {
    session_error(result.unwrap_err())
}

fn invalid_field<T>(result: Result<T, Error>) -> String {
    match result {
        Err(Error::Validation(ValidationError::InvalidField(text))) => text,
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("accepted"),
    }
}

fn invalid(reason: &str) -> SessionError {
    SessionError::InvalidToken(format!("JWT validation failed: {reason}"))
}
