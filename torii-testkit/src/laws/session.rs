//! Laws of sessions: beginning, checking, listing, refreshing and ending them.

use chrono::TimeDelta;
use torii::{Session, SessionToken, UserId};
use torii_core::{
    Clock,
    error::{Error, SessionError, StorageErrorKind},
    events::Event,
    repositories::SessionRepository,
};

use super::expectation::{TICK, assert_failed, assert_violation, is_alive, no_tokens, register_and_sign_in};
use crate::{
    Provider,
    world::{EMAIL, OTHER_EMAIL, SESSION_TOKEN, World},
};

/// What a session that is not there reads like.
pub(super) const NOT_FOUND: &str = "Session not found";

pub(super) fn token(session: &Session) -> &SessionToken {
    session.token.as_ref().expect("a session that just began carries its token")
}

/// Whether nobody finds a session by its token, in any of the three ways.
pub(super) async fn is_dead<P: Provider>(w: &World<P>, token: &SessionToken) -> bool {
    let found = w.here.validate_session(token).await.unwrap().is_some();
    let found_with_user = w.here.authenticate_session(token).await.unwrap().is_some();
    let got = w.here.get_session(token).await;
    assert_eq!((found, found), (found_with_user, got.is_ok()), "the three ways agree");
    if !found {
        assert_failed(got, NOT_FOUND);
    }
    !found
}

/// A session begins now, lasts 30 days, and is found by its token as it was made, alone and with its user.
pub async fn a_session_is_found_by_its_token<P: Provider>(w: &World<P>) {
    let user = w.register(EMAIL).await;
    let (agent, address) = (Some("Browser/1.0".to_owned()), Some("192.0.2.1".to_owned()));
    let session = w.here.create_session(&user.id, agent.clone(), address.clone()).await.unwrap();
    let now = w.clock.now();
    assert_eq!((&session.user_id, &session.tenant_id), (&user.id, w.tenant()));
    assert_eq!((&session.user_agent, &session.ip_address), (&agent, &address));
    assert_eq!((session.created_at, session.updated_at), (now, now));
    assert_eq!(session.expires_at, now + TimeDelta::days(30));
    assert_ne!(session.token_hash, token(&session).expose_secret());
    assert_same(&w.here.get_session(token(&session)).await.unwrap(), &session);
    assert_same(&w.here.validate_session(token(&session)).await.unwrap().unwrap(), &session);
    let (found_user, found) = w.here.authenticate_session(token(&session)).await.unwrap().unwrap();
    assert_same(&found, &session);
    assert_eq!(found_user, user);
}

pub(super) fn assert_same(one: &Session, other: &Session) {
    let parts = |session: &Session| {
        let (times, origin) = (
            (session.created_at, session.updated_at, session.expires_at),
            (session.user_agent.clone(), session.ip_address.clone()),
        );
        (session.token.clone(), session.token_hash.clone(), session.user_id.clone(), times, origin)
    };
    assert!(parts(one) == parts(other) && one.tenant_id == other.tenant_id, "{one:?} is {other:?}");
}

/// A token is 43 characters that are new each time.
pub async fn tokens_are_new_each_time<P: Provider>(w: &World<P>) {
    let user = w.register(EMAIL).await;
    let mut seen = Vec::new();
    for _ in 0..5 {
        let session = w.here.create_session(&user.id, None, None).await.unwrap();
        let text = token(&session).expose_secret().to_owned();
        assert_eq!(text.len(), 43);
        assert!(!seen.contains(&text));
        seen.push(text);
    }
    assert_eq!(w.here.list_user_sessions(&user.id).await.unwrap().len(), 5);
}

/// A session is valid up to its end, to the microsecond, and never after.
pub async fn a_session_ends_at_its_end<P: Provider>(w: &World<P>) {
    let here = w.here_with(|torii| torii.with_session_expiry(TimeDelta::minutes(10)));
    let user = w.register(EMAIL).await;
    let session = here.create_session(&user.id, None, None).await.unwrap();
    w.clock.set(session.expires_at - TICK);
    assert!(!is_dead(w, token(&session)).await);
    w.clock.set(session.expires_at);
    assert!(!is_dead(w, token(&session)).await);
    assert_eq!(w.here.list_user_sessions(&user.id).await.unwrap().len(), 1);
    w.clock.set(session.expires_at + TICK);
    assert!(is_dead(w, token(&session)).await);
    assert!(w.here.list_user_sessions(&user.id).await.unwrap().is_empty());
    assert_failed(w.here.refresh_session(token(&session)).await, NOT_FOUND);
}

/// A token that is unknown, malformed, or of another tenant finds nobody, and nobody is told which it is.
pub async fn other_tokens_find_nobody<P: Provider>(w: &World<P>) {
    let (_, session) = register_and_sign_in(w, EMAIL).await;
    let text = token(&session).expose_secret();
    let mut others = no_tokens();
    others.extend([SESSION_TOKEN.to_owned(), text.to_uppercase(), text[1..].to_owned(), format!("{text} ")]);
    others.extend([format!("{text}.{text}.{text}"), session.token_hash.clone()]);
    for other in others {
        let token = SessionToken::new(&other);
        assert!(is_dead(w, &token).await, "{:.100}", other);
        assert_failed(w.here.refresh_session(&token).await, NOT_FOUND);
        w.here.revoke_session(&token).await.unwrap();
    }
    assert!(is_alive(w, &session).await);
    assert!(w.neighbour.validate_session(token(&session)).await.unwrap().is_none());
}

/// A session of a user who does not exist here cannot begin.
pub async fn nobody_has_no_session<P: Provider>(w: &World<P>) {
    w.register(OTHER_EMAIL).await;
    let stranger = w.neighbour.get_user_by_email(EMAIL).await.unwrap().unwrap().id;
    for id in [stranger, UserId::new_random(), UserId::new(""), UserId::new(&"x".repeat(200))] {
        let created = w.here.create_session(&id, None, None).await;
        assert_violation(created, StorageErrorKind::ForeignKeyViolation);
        assert!(w.here.list_user_sessions(&id).await.unwrap().is_empty());
    }
}

/// The sessions of a deleted user are gone.
pub async fn sessions_of_a_deleted_user_are_gone<P: Provider>(w: &World<P>) {
    let (user, session) = register_and_sign_in(w, EMAIL).await;
    let (_, others) = register_and_sign_in(w, OTHER_EMAIL).await;
    w.here.delete_user(&user.id).await.unwrap();
    assert!(is_dead(w, token(&session)).await);
    assert!(w.here.list_user_sessions(&user.id).await.unwrap().is_empty());
    assert_failed(w.here.refresh_session(token(&session)).await, NOT_FOUND);
    assert!(is_alive(w, &others).await);
}

/// A revoked session is over, every other one goes on, and revoking it again is no error.
pub async fn revoking_ends_one_session<P: Provider>(w: &World<P>) {
    let (user, session) = register_and_sign_in(w, EMAIL).await;
    let (_, second) = w.sign_in(EMAIL).await;
    w.here.revoke_session(token(&session)).await.unwrap();
    w.here.delete_session(token(&session)).await.unwrap();
    assert!(is_dead(w, token(&session)).await);
    assert!(is_alive(w, &second).await);
    assert_eq!(w.here.list_user_sessions(&user.id).await.unwrap().len(), 1);
    assert_failed(w.here.refresh_session(token(&session)).await, NOT_FOUND);
}

/// A session in a user's list can be ended by what the list calls it, once, and by nobody else.
pub async fn a_listed_session_ends_for_its_user_only<P: Provider>(w: &World<P>) {
    let (user, session) = register_and_sign_in(w, EMAIL).await;
    let (_, second) = w.sign_in(EMAIL).await;
    let (other, others) = register_and_sign_in(w, OTHER_EMAIL).await;
    let stranger = w.neighbour.get_user_by_email(EMAIL).await.unwrap().unwrap().id;
    for nobody in [&other.id, &stranger, &UserId::new_random(), &UserId::new("")] {
        assert!(!w.here.revoke_listed_session(nobody, &session.token_hash).await.unwrap(), "{nobody:?}");
    }
    let strange = w.neighbour.list_user_sessions(&stranger).await.unwrap();
    let unknown = strange.into_iter().map(|session| session.token_hash).chain([String::new(), "0".repeat(64)]);
    for hash in unknown.chain([others.token_hash.clone(), "é".repeat(32), session.token_hash[1..].to_owned()]) {
        assert!(!w.here.revoke_listed_session(&user.id, &hash).await.unwrap(), "{hash}");
    }
    assert!(is_alive(w, &session).await && is_alive(w, &second).await && is_alive(w, &others).await);
    w.events.take();

    let listed = w.here.list_user_sessions(&user.id).await.unwrap();
    let this = listed.iter().find(|listed| listed.token_hash == session.token_hash).unwrap();
    assert!(w.here.revoke_listed_session(&user.id, &this.token_hash).await.unwrap());
    assert!(!w.here.revoke_listed_session(&user.id, &this.token_hash).await.unwrap());
    assert!(is_dead(w, token(&session)).await);
    assert!(is_alive(w, &second).await && is_alive(w, &others).await);
    let events = w.events.take();
    assert!(matches!(&events[..], [(_, Event::SessionRevoked(id))] if *id == user.id), "{events:?}");
}

/// Ending all sessions of a user ends those and no others.
pub async fn all_sessions_of_a_user_end_together<P: Provider>(w: &World<P>) {
    let (user, first) = register_and_sign_in(w, EMAIL).await;
    let (_, second) = w.sign_in(EMAIL).await;
    let (_, others) = register_and_sign_in(w, OTHER_EMAIL).await;
    w.here.delete_sessions_for_user(&user.id).await.unwrap();
    w.here.delete_sessions_for_user(&user.id).await.unwrap();
    assert!(is_dead(w, token(&first)).await && is_dead(w, token(&second)).await);
    assert!(is_alive(w, &others).await);
    w.sign_in(EMAIL).await;
}

/// The list of a user's sessions has those that are not over, newest first, without their tokens.
pub async fn a_list_has_what_is_not_over<P: Provider>(w: &World<P>) {
    let user = w.register(EMAIL).await;
    register_and_sign_in(w, OTHER_EMAIL).await;
    let brief = w.here_with(|torii| torii.with_session_expiry(TimeDelta::minutes(1)));
    let mut expected = Vec::new();
    for number in 0..3 {
        brief.create_session(&user.id, None, None).await.unwrap();
        let session = w.here.create_session(&user.id, Some(format!("Browser {number}")), None).await.unwrap();
        expected.insert(0, session);
        w.clock.advance(TimeDelta::minutes(2));
    }
    let listed = w.here.list_user_sessions(&user.id).await.unwrap();
    assert_eq!(listed.len(), 3);
    for (listed, expected) in listed.iter().zip(expected) {
        assert_same(listed, &expected.without_token());
    }
}

/// Lifetimes beyond every calendar are as good as for ever, and fail nothing.
pub async fn absurd_lifetimes_are_for_ever<P: Provider>(w: &World<P>) {
    let user = w.register(EMAIL).await;
    let here = w.here_with(|torii| torii.with_session_expiry(TimeDelta::MAX).with_session_max_lifetime(TimeDelta::MAX));
    let session = here.create_session(&user.id, None, None).await.unwrap();
    assert!(session.expires_at > w.clock.now() + TimeDelta::days(365_000));
    let session = here.refresh_session(token(&session)).await.unwrap();
    assert!(!is_dead(w, token(&session)).await);
    let over = w.here_with(|torii| torii.with_session_expiry(TimeDelta::MIN));
    let session = over.create_session(&user.id, None, None).await.unwrap();
    assert!(is_dead(w, token(&session)).await);
}

/// A session that was built elsewhere is stored for the tenant it is stored in.
pub async fn storing_a_session_binds_it_to_the_tenant<P: Provider>(w: &World<P>) {
    let user = w.register(EMAIL).await;
    let elsewhere = Session::builder()
        .token(SessionToken::new(SESSION_TOKEN))
        .tenant_id("somewhere-else".parse().unwrap())
        .user_id(user.id.clone())
        .created_at(w.clock.now())
        .updated_at(w.clock.now())
        .expires_at(w.clock.now() + TimeDelta::hours(1))
        .build()
        .unwrap();
    let stored = w.provider.session().create(elsewhere).await.unwrap();
    assert_eq!(&stored.tenant_id, w.tenant());
    assert_same(&w.here.get_session(&SessionToken::new(SESSION_TOKEN)).await.unwrap(), &stored);
    let (found, _) = w.here.authenticate_session(&SessionToken::new(SESSION_TOKEN)).await.unwrap().unwrap();
    assert_eq!(found, user);
    w.here.revoke_session(&SessionToken::new(SESSION_TOKEN)).await.unwrap();
    assert!(is_dead(w, &SessionToken::new(SESSION_TOKEN)).await);
}

/// The end of a session is no reason to forget it: storage tells it until it is swept.
pub async fn reading_a_session_deletes_nothing<P: Provider>(w: &World<P>) {
    let (user, session) = register_and_sign_in(w, EMAIL).await;
    w.clock.advance(TimeDelta::days(31));
    assert!(is_dead(w, token(&session)).await);
    assert!(w.provider.session().find_by_token(token(&session)).await.unwrap().is_some());
    assert_eq!(w.provider.session().find_by_user_id(&user.id).await.unwrap().len(), 1);
    let refreshed = w.provider.session().refresh(token(&session), TimeDelta::days(1)).await;
    assert!(matches!(refreshed, Err(Error::Session(SessionError::NotFound))), "{refreshed:?}");
}

/// Storage says whose session it ended, and nothing of one that is not there.
pub async fn storage_says_whose_session_ended<P: Provider>(w: &World<P>) {
    let (user, session) = register_and_sign_in(w, EMAIL).await;
    assert_eq!(w.provider.session().revoke(&SessionToken::new(SESSION_TOKEN)).await.unwrap(), None);
    assert_eq!(w.provider.session().revoke(token(&session)).await.unwrap(), Some(user.id));
    assert_eq!(w.provider.session().revoke(token(&session)).await.unwrap(), None);
}

/// Beginnings and ends of sessions are told to whoever listens, with the tenant and without tokens.
pub async fn sessions_are_events<P: Provider>(w: &World<P>) {
    let (user, session) = register_and_sign_in(w, EMAIL).await;
    w.here.revoke_session(token(&session)).await.unwrap();
    w.here.revoke_session(token(&session)).await.unwrap();
    w.here.delete_sessions_for_user(&user.id).await.unwrap();
    let events = w.events.take();
    assert!(events.iter().all(|(tenant, _)| tenant == w.tenant()));
    match events.iter().map(|(_, event)| event).collect::<Vec<_>>()[..] {
        [
            Event::UserCreated(_),
            Event::SessionCreated(began, told),
            Event::SessionDeleted(ended, _),
            Event::SessionsCleared(cleared),
        ] => {
            assert_eq!([began, ended, cleared], [&user.id; 3]);
            assert_eq!(told.token, None);
        }
        ref other => panic!("expected four events, got {other:?}"),
    }
    let everything = format!("{events:?}");
    assert!(!everything.contains(token(&session).expose_secret()));
}
