//! Laws of sessions that are kept in signed tokens.

use chrono::TimeDelta;
use torii::{JwtConfig, SessionConfig, SessionToken};
use torii_core::Clock;

use super::{
    expectation::{assert_failed, no_tokens},
    session::{NOT_FOUND, token},
};
use crate::{
    Provider,
    world::{EMAIL, PASSWORD, World},
};

/// A lifetime that was set before sessions became signed tokens is the lifetime of those.
pub async fn signed_tokens_keep_the_lifetime<P: Provider>(w: &World<P>) {
    let user = w.register(EMAIL).await;
    let config = || JwtConfig::new_hs256(vec![7; 32]).unwrap();
    let lifetime = TimeDelta::hours(2);
    for here in [
        w.here_with(|torii| torii.with_session_expiry(lifetime).with_jwt_sessions(config())),
        w.here_with(|torii| torii.with_jwt_sessions(config()).with_session_expiry(lifetime)),
        w.here_with(|torii| {
            torii.with_session_config(SessionConfig::default().with_jwt(config()).expires_in(lifetime))
        }),
    ] {
        let session = here.create_session(&user.id, None, None).await.unwrap();
        assert!(token(&session).is_jwt());
        assert_eq!(session.expires_at.timestamp(), (w.clock.now() + lifetime).timestamp());
        let (found, _) = here.authenticate_session(token(&session)).await.unwrap().unwrap();
        assert_eq!(found, user);
    }
}

/// A signed token is worth nothing in another tenant, after its end, or when its user is gone.
pub async fn signed_tokens_are_checked<P: Provider>(w: &World<P>) {
    let user = w.register(EMAIL).await;
    let torii = w.torii_with(|torii| torii.with_jwt_sessions(JwtConfig::new_hs256(vec![7; 32]).unwrap()));
    let here = torii.with_tenant(w.tenant());
    let (_, session) = here.authenticate(EMAIL, PASSWORD, None, None).await.unwrap();
    let token = token(&session);
    assert!(here.validate_session(token).await.unwrap().is_some());
    for tenant in ["neighbour", "somewhere-else"] {
        let elsewhere = torii.with_tenant(tenant);
        assert!(elsewhere.validate_session(token).await.unwrap().is_none());
        assert!(elsewhere.authenticate_session(token).await.unwrap().is_none());
        assert!(elsewhere.get_session(token).await.is_err());
        assert!(elsewhere.refresh_session(token).await.is_err());
    }
    for text in no_tokens() {
        assert!(here.validate_session(&SessionToken::new(&text)).await.unwrap().is_none());
    }
    here.refresh_session(token).await.unwrap();
    here.delete_user(&user.id).await.unwrap();
    assert!(here.authenticate_session(token).await.unwrap().is_none());
    assert_failed(here.refresh_session(token).await, NOT_FOUND);
    w.clock.advance(TimeDelta::days(31));
    assert!(here.validate_session(token).await.unwrap().is_none());
    assert_failed(here.get_session(token).await, NOT_FOUND);
}
