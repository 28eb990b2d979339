//! Signing in by a link sent by mail.

use axum::{Json, http::Method};
use axum_extra::extract::CookieJar;
use torii::RepositoryProvider;

use super::{Access, Route, Visit};
use crate::{
    error::Result,
    json::Body,
    types::{AuthResponse, MagicLinkRequest, MagicLinkResponse, VerifyMagicTokenRequest},
};

pub(super) fn routes<R: RepositoryProvider>() -> [Route<R>; 2] {
    [
        Route::new(Method::POST, "/magic-link", Access::Anybody, request::<R>).limited(),
        Route::new(Method::POST, "/magic-link/verify", Access::TokenHolder, verify::<R>).limited(),
    ]
}

async fn request<R: RepositoryProvider>(
    visit: Visit<R>,
    Body(request): Body<MagicLinkRequest>,
) -> Result<Json<MagicLinkResponse>> {
    let base = visit.settings.links(&visit.tenant)?.magic_link_base();
    visit.scope.magic_link().send_link(&request.email, &base).await?;
    Ok(Json(MagicLinkResponse { message: "Magic link sent to your email".to_owned() }))
}

async fn verify<R: RepositoryProvider>(
    visit: Visit<R>,
    Body(request): Body<VerifyMagicTokenRequest>,
) -> Result<(CookieJar, Json<AuthResponse>)> {
    let client = visit.client.clone();
    let (user, session) = visit.scope.magic_link().authenticate(&request.token, client.user_agent, client.ip).await?;
    Ok((visit.sign_in_cookie(&session), Json(AuthResponse { user, session: visit.shown(session) })))
}
