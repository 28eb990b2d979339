//! Laws of refreshing a session: a new token, a later end, and an end of ends.

use chrono::TimeDelta;
use torii_core::{Clock, repositories::SessionRepository};

use super::{
    expectation::{TICK, assert_failed, register_and_sign_in},
    session::{NOT_FOUND, assert_same, is_dead, token},
};
use crate::{
    Provider,
    world::{EMAIL, PASSWORD, World},
};

/// Refreshing moves a session to a new token and a later end, and the old token is worthless.
pub async fn refreshing_replaces_the_token<P: Provider>(w: &World<P>) {
    let user = w.register(EMAIL).await;
    let old = w.here.create_session(&user.id, Some("Browser/1.0".into()), Some("192.0.2.1".into())).await.unwrap();
    w.clock.advance(TimeDelta::days(1));
    let new = w.here.refresh_session(token(&old)).await.unwrap();
    let now = w.clock.now();
    assert_ne!(new.token, old.token);
    assert_ne!(new.token_hash, old.token_hash);
    assert_eq!((&new.user_id, &new.user_agent, &new.ip_address), (&old.user_id, &old.user_agent, &old.ip_address));
    assert_eq!((new.created_at, new.updated_at), (old.created_at, now));
    assert_eq!(new.expires_at, now + TimeDelta::days(30));
    assert!(is_dead(w, token(&old)).await);
    assert_same(&w.here.get_session(token(&new)).await.unwrap(), &new);
    assert_eq!(w.here.list_user_sessions(&user.id).await.unwrap().len(), 1);
    assert_failed(w.here.refresh_session(token(&old)).await, NOT_FOUND);
}

/// Refreshing does not make a session shorter.
pub async fn refreshing_never_shortens<P: Provider>(w: &World<P>) {
    let (_, session) = register_and_sign_in(w, EMAIL).await;
    let brief = w.here_with(|torii| torii.with_session_expiry(TimeDelta::minutes(1)));
    let refreshed = brief.refresh_session(token(&session)).await.unwrap();
    assert_eq!(refreshed.expires_at, session.expires_at);
    let again = w.provider.session().refresh(token(&refreshed), TimeDelta::minutes(-1)).await.unwrap();
    assert_eq!(again.expires_at, session.expires_at);
}

/// However often a session is refreshed, it ends when its longest lifetime is over.
pub async fn refreshing_has_an_end<P: Provider>(w: &World<P>) {
    let here = w.here_with(|torii| {
        torii.with_session_expiry(TimeDelta::hours(1)).with_session_max_lifetime(TimeDelta::minutes(150))
    });
    let user = w.register(EMAIL).await;
    let mut session = here.create_session(&user.id, None, None).await.unwrap();
    let end = session.created_at + TimeDelta::minutes(150);
    for _ in 0..3 {
        w.clock.advance(TimeDelta::minutes(45));
        session = here.refresh_session(token(&session)).await.unwrap();
        assert_eq!(session.expires_at, (w.clock.now() + TimeDelta::hours(1)).min(end));
    }
    w.clock.set(end + TICK);
    assert_failed(here.refresh_session(token(&session)).await, NOT_FOUND);
    assert!(is_dead(w, token(&session)).await);
}

/// A session that begins lasts no longer than the longest lifetime.
pub async fn beginning_has_an_end_too<P: Provider>(w: &World<P>) {
    let here = w.here_with(|torii| torii.with_session_max_lifetime(TimeDelta::days(7)));
    let user = w.register(EMAIL).await;
    let session = here.create_session(&user.id, None, None).await.unwrap();
    assert_eq!(session.expires_at, w.clock.now() + TimeDelta::days(7));
    let (_, session) = here.authenticate(EMAIL, PASSWORD, None, None).await.unwrap();
    assert_eq!(session.expires_at, w.clock.now() + TimeDelta::days(7));
}

/// A longest lifetime that was shortened cuts sessions that began before.
pub async fn a_shorter_lifetime_cuts_old_sessions<P: Provider>(w: &World<P>) {
    let (_, session) = register_and_sign_in(w, EMAIL).await;
    let strict = w.here_with(|torii| torii.with_session_max_lifetime(TimeDelta::days(1)));
    w.clock.advance(TimeDelta::hours(1));
    let refreshed = strict.refresh_session(token(&session)).await.unwrap();
    assert_eq!(refreshed.expires_at, session.created_at + TimeDelta::days(1));
}
