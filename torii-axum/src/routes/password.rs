//! Signing in by password, and changing it.

use axum::{Json, http::Method};
use axum_extra::extract::CookieJar;
use torii::RepositoryProvider;

use super::{Access, Route, SignedIn, Visit};
use crate::{
    error::{AuthError, Result},
    json::Body,
    settings::RegistrationMode,
    types::{AuthResponse, ChangePasswordRequest, LoginRequest, MessageResponse},
};

pub(super) fn routes<R: RepositoryProvider>() -> [Route<R>; 2] {
    [
        Route::new(Method::POST, "/login", Access::Anybody, login::<R>).limited(),
        Route::new(Method::POST, "/password", Access::User, change::<R>).limited(),
    ]
}

async fn login<R: RepositoryProvider>(
    visit: Visit<R>,
    Body(request): Body<LoginRequest>,
) -> Result<(CookieJar, Json<AuthResponse>)> {
    let client = visit.client.clone();
    let (user, session) =
        visit.scope.authenticate(&request.email, &request.password, client.user_agent, client.ip).await?;
    if visit.settings.get().registration == RegistrationMode::VerifiesFirst && !user.is_email_verified() {
        if let Some(token) = &session.token {
            visit.scope.delete_session(token).await?;
        }
        return Err(AuthError::EmailNotVerified);
    }
    Ok((visit.sign_in_cookie(&session), Json(AuthResponse { user, session: visit.shown(session) })))
}

async fn change<R: RepositoryProvider>(
    visit: Visit<R>,
    SignedIn { user, .. }: SignedIn,
    Body(request): Body<ChangePasswordRequest>,
) -> Result<Json<MessageResponse>> {
    visit.scope.password().change_password(&user.id, &request.old_password, &request.new_password).await?;
    Ok(Json(MessageResponse { message: "Password changed successfully".to_owned() }))
}
