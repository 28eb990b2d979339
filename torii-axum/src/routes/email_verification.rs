//! Proving an address.

use axum::{Json, http::Method};
use torii::RepositoryProvider;

use super::{Access, Route, SignedIn, Visit};
use crate::{
    error::Result,
    json::Body,
    types::{MessageResponse, UserResponse, VerifyEmailRequest},
};

pub(super) fn routes<R: RepositoryProvider>() -> [Route<R>; 2] {
    [
        Route::new(Method::POST, "/email/verify/request", Access::User, request::<R>).limited(),
        Route::new(Method::POST, "/email/verify", Access::TokenHolder, verify::<R>).limited(),
    ]
}

async fn request<R: RepositoryProvider>(
    visit: Visit<R>,
    SignedIn { user, .. }: SignedIn,
) -> Result<Json<MessageResponse>> {
    let base = visit.settings.links(&visit.tenant)?.email_verification_base();
    visit.scope.send_verification_email(&user.id, &base).await?;
    Ok(Json(MessageResponse { message: "A verification link has been sent to your email".to_owned() }))
}

async fn verify<R: RepositoryProvider>(
    visit: Visit<R>,
    Body(request): Body<VerifyEmailRequest>,
) -> Result<Json<UserResponse>> {
    let user = visit.scope.verify_email_token(&request.token).await?;
    Ok(Json(UserResponse { user }))
}
