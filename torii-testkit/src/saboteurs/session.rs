//! What can be wrong with sessions.

use chrono::{DateTime, TimeDelta, Utc};
use torii_core::{
    Error, PageRequest, Session, SessionToken, User, UserId,
    clock::saturating_add,
    repositories::{SessionRepository, UserRepository},
};

use super::Saboteur;
use crate::Provider;

pub(super) async fn create_for_anybody<P: Provider>(s: &Saboteur<P>, session: Session) -> Result<Session, Error> {
    match s.inner.session().create(session.clone()).await {
        Err(Error::Storage(_)) => Ok(session),
        result => result,
    }
}

pub(super) async fn create_and_forgive_nothing<P: Provider>(
    s: &Saboteur<P>,
    session: Session,
) -> Result<Session, Error> {
    s.inner.session().create(session).await
}

pub(super) async fn find_twice<P: Provider>(s: &Saboteur<P>, token: &SessionToken) -> Result<Option<Session>, Error> {
    s.inner.session().find_by_token(token).await?;
    s.inner.session().find_by_token(token).await
}

pub(super) async fn find_endless<P: Provider>(s: &Saboteur<P>, token: &SessionToken) -> Result<Option<Session>, Error> {
    let found = s.inner.session().find_by_token(token).await?;
    Ok(found.map(|session| Session { expires_at: session.expires_at + TimeDelta::days(1), ..session }))
}

pub(super) async fn find_endless_with_user<P: Provider>(
    s: &Saboteur<P>,
    token: &SessionToken,
) -> Result<Option<(User, Session)>, Error> {
    let Some(session) = s.inner.session().find_by_token(token).await? else { return Ok(None) };
    let user = s.inner.user().find_by_id(&session.user_id).await?;
    Ok(user.map(|user| (user, session)))
}

pub(super) async fn find_before_the_end<P: Provider>(
    s: &Saboteur<P>,
    token: &SessionToken,
) -> Result<Option<(User, Session)>, Error> {
    let found = s.inner.session().find_with_user(token).await?;
    let now = s.inner.clock().now();
    Ok(found.filter(|(_, session)| now < session.expires_at))
}

pub(super) async fn revoke_nothing<P: Provider>(_: &Saboteur<P>, _: &SessionToken) -> Result<Option<UserId>, Error> {
    Ok(None)
}

pub(super) async fn revoke_everything<P: Provider>(
    s: &Saboteur<P>,
    token: &SessionToken,
) -> Result<Option<UserId>, Error> {
    let owner = s.inner.session().revoke(token).await?;
    if let Some(owner) = &owner {
        s.inner.session().delete_by_user_id(owner).await?;
    }
    Ok(owner)
}

/// Forgets whose session it is.
pub(super) async fn revoke_whoever_lists<P: Provider>(
    s: &Saboteur<P>,
    user_id: &UserId,
    token_hash: &str,
) -> Result<bool, Error> {
    for user in s.inner.user().page(&PageRequest::default()).await?.items {
        if s.inner.session().revoke_listed(&user.id, token_hash).await? {
            return Ok(true);
        }
    }
    s.inner.session().revoke_listed(user_id, token_hash).await
}

pub(super) async fn revoke_nothing_listed<P: Provider>(
    s: &Saboteur<P>,
    user_id: &UserId,
    token_hash: &str,
) -> Result<bool, Error> {
    let listed = s.inner.session().find_by_user_id(user_id).await?;
    Ok(listed.iter().any(|session| session.token_hash == token_hash))
}

pub(super) async fn list_oldest_first<P: Provider>(s: &Saboteur<P>, user_id: &UserId) -> Result<Vec<Session>, Error> {
    let mut sessions = s.inner.session().find_by_user_id(user_id).await?;
    sessions.reverse();
    Ok(sessions)
}

pub(super) async fn refresh_and_keep_the_token<P: Provider>(
    s: &Saboteur<P>,
    token: &SessionToken,
    expires_in: TimeDelta,
    latest_end: Option<DateTime<Utc>>,
) -> Result<Session, Error> {
    let refreshed = s.inner.session().refresh_until(token, expires_in, latest_end).await?;
    s.inner.session().create(Session { token: Some(token.clone()), ..refreshed.clone() }).await?;
    Ok(refreshed)
}

pub(super) async fn refresh_what_is_over<P: Provider>(
    s: &Saboteur<P>,
    token: &SessionToken,
    expires_in: TimeDelta,
) -> Result<Session, Error> {
    let refreshed = s.inner.session().refresh(token, expires_in).await;
    if let (Err(_), Some(old)) = (&refreshed, s.inner.session().find_by_token(token).await?) {
        let expires_at = saturating_add(s.inner.clock().now(), expires_in);
        return s.inner.session().create(Session { token: Some(SessionToken::new_random()), expires_at, ..old }).await;
    }
    refreshed
}

pub(super) async fn refresh_and_shorten<P: Provider>(
    s: &Saboteur<P>,
    token: &SessionToken,
    expires_in: TimeDelta,
    latest_end: Option<DateTime<Utc>>,
) -> Result<Session, Error> {
    let refreshed = s.inner.session().refresh_until(token, expires_in, latest_end).await?;
    if let Some(token) = &refreshed.token {
        s.inner.session().delete(token).await?;
    }
    let expires_at = saturating_add(s.inner.clock().now(), expires_in);
    s.inner.session().create(Session { expires_at, ..refreshed }).await
}

pub(super) async fn refresh_without_end<P: Provider>(
    s: &Saboteur<P>,
    token: &SessionToken,
    expires_in: TimeDelta,
) -> Result<Session, Error> {
    s.inner.session().refresh_until(token, expires_in, None).await
}
