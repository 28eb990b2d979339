//! Who is signed in, and where.

use axum::{
    Json,
    extract::{FromRequestParts, Path, Request, State, rejection::PathRejection},
    http::Method,
    response::{IntoResponse, Response},
};
use axum_extra::extract::cookie::CookieJar;
use torii::{RepositoryProvider, Session};
use torii_core::crypto::hash_token;

use super::{Access, Route, SignedIn, Visit};
use crate::{
    error::{AuthError, Result},
    gate::Gate,
    router::RouterState,
    types::{AuthResponse, MessageResponse, SessionInfo, SessionResponse, SessionsResponse, UserResponse},
};

pub(super) fn routes<R: RepositoryProvider>() -> [Route<R>; 5] {
    [
        Route::new(Method::GET, "/user", Access::User, user::<R>),
        Route::new(Method::GET, "/session", Access::User, session::<R>),
        Route::new(Method::GET, "/sessions", Access::User, sessions::<R>),
        Route::new(Method::DELETE, "/sessions", Access::User, end_other_sessions::<R>),
        Route::new(Method::DELETE, "/sessions/{id}", Access::User, end_session::<R>),
    ]
}

async fn user<R: RepositoryProvider>(_: State<RouterState<R>>, SignedIn { user, .. }: SignedIn) -> Json<UserResponse> {
    Json(UserResponse { user })
}

/// The session of the cookie; of the bearer token if there is no cookie.
async fn session<R: RepositoryProvider>(
    State(state): State<RouterState<R>>,
    request: Request,
) -> std::result::Result<Json<SessionResponse>, Response> {
    let (mut parts, _) = request.into_parts();
    let visit = Visit::from_request_parts(&mut parts, &state).await?;
    let find = async {
        let token = visit.presented.cookie.as_ref().or(visit.presented.bearer.as_ref());
        let token = token.ok_or(AuthError::Unauthorized)?;
        let gate = Gate::new(&*state.torii, &state.settings);
        gate.check(&mut parts, &visit.scope, token).await?.ok_or(AuthError::SessionNotFound)
    };
    let found: Result<_> = find.await;
    let session = found.map_err(IntoResponse::into_response)?.1.clone();
    Ok(Json(SessionResponse { session: visit.shown(session) }))
}

async fn sessions<R: RepositoryProvider>(
    visit: Visit<R>,
    SignedIn { user, session: current }: SignedIn,
) -> Result<Json<SessionsResponse>> {
    let mut sessions = visit.scope.list_user_sessions(&user.id).await?;
    if sessions.is_empty() {
        // Nobody keeps a list of sessions in signed tokens, but this one is there.
        sessions.push(current.clone());
    }
    let current = public_id(&current);
    let sessions = sessions.into_iter().map(|session| shown(session, &current)).collect();
    Ok(Json(SessionsResponse { sessions }))
}

/// Ends all sessions of the user, and begins a new one for whoever asked.
async fn end_other_sessions<R: RepositoryProvider>(
    visit: Visit<R>,
    SignedIn { user, session }: SignedIn,
) -> Result<(CookieJar, Json<AuthResponse>)> {
    can_be_ended(&session)?;
    visit.scope.delete_sessions_for_user(&user.id).await?;
    let client = visit.client.clone();
    let session = visit.scope.create_session(&user.id, client.user_agent, client.ip).await?;
    let cookies = match visit.presented.bearer {
        Some(_) => CookieJar::new(),
        None => visit.sign_in_cookie(&session),
    };
    Ok((cookies, Json(AuthResponse { user, session: visit.shown(session) })))
}

/// Ends one session of the user: the one that the list calls `id`. That of somebody else is not found.
async fn end_session<R: RepositoryProvider>(
    visit: Visit<R>,
    SignedIn { user, session: current }: SignedIn,
    id: std::result::Result<Path<String>, PathRejection>,
) -> Result<(CookieJar, Json<MessageResponse>)> {
    can_be_ended(&current)?;
    let Path(id) = id.map_err(|_| AuthError::SessionNotFound)?;
    let sessions = visit.scope.list_user_sessions(&user.id).await?;
    let session = sessions.into_iter().find(|session| public_id(session) == id).ok_or(AuthError::SessionNotFound)?;
    if !visit.scope.revoke_listed_session(&user.id, &session.token_hash).await? {
        return Err(AuthError::SessionNotFound);
    }
    let own = session.token_hash == current.token_hash;
    let cookies = match own && visit.presented.bearer.is_none() {
        true => visit.sign_out_cookies(),
        false => CookieJar::new(),
    };
    Ok((cookies, Json(MessageResponse { message: "Session ended".to_owned() })))
}

fn can_be_ended(session: &Session) -> Result<()> {
    match session.token.as_ref().is_some_and(|token| token.is_jwt()) {
        true => Err(AuthError::FeatureNotEnabled("ending sessions that are signed tokens".to_owned())),
        false => Ok(()),
    }
}

fn shown(session: Session, current: &str) -> SessionInfo {
    let id = public_id(&session);
    SessionInfo {
        current: id == current,
        id,
        user_agent: session.user_agent,
        ip_address: session.ip_address,
        created_at: session.created_at,
        updated_at: session.updated_at,
        expires_at: session.expires_at,
    }
}

/// Names a session without telling its token or the digest that the database has of it.
fn public_id(session: &Session) -> String {
    let mut id = hash_token(&format!("public id of session {}", session.token_hash));
    id.truncate(32);
    id
}
