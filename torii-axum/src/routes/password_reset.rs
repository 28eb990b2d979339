//! Choosing a new password by mail.

use axum::{Json, http::Method};
use torii::{RepositoryProvider, ToriiError};

use super::{Access, Route, Visit};
use crate::{
    error::Result,
    json::Body,
    types::{
        PasswordResetRequest, PasswordResetResponse, ResetPasswordRequest, UserResponse, VerifyResetTokenRequest,
        VerifyResetTokenResponse,
    },
};

pub(super) fn routes<R: RepositoryProvider>() -> [Route<R>; 3] {
    [
        Route::new(Method::POST, "/password/reset/request", Access::Anybody, request::<R>).limited(),
        Route::new(Method::POST, "/password/reset/verify", Access::TokenHolder, verify::<R>).limited(),
        Route::new(Method::POST, "/password/reset/confirm", Access::TokenHolder, confirm::<R>).limited(),
    ]
}

/// The answer is the same whoever asks and whatever happens: a failure that only known addresses can cause would tell them.
async fn request<R: RepositoryProvider>(
    visit: Visit<R>,
    Body(request): Body<PasswordResetRequest>,
) -> Result<Json<PasswordResetResponse>> {
    let base = visit.settings.links(&visit.tenant)?.password_reset_base();
    match visit.scope.password().reset_password_initiate(&request.email, &base).await {
        Ok(()) => {}
        Err(error @ ToriiError::Tenant(_)) => return Err(error.into()),
        Err(error) => tracing::error!(tenant_id = %visit.tenant, %error, "a password reset could not be begun"),
    }
    let message = "If an account with that email exists, a password reset link has been sent.".to_owned();
    Ok(Json(PasswordResetResponse { message }))
}

async fn verify<R: RepositoryProvider>(
    visit: Visit<R>,
    Body(request): Body<VerifyResetTokenRequest>,
) -> Result<Json<VerifyResetTokenResponse>> {
    let valid = visit.scope.password().reset_password_verify_token(&request.token).await?;
    Ok(Json(VerifyResetTokenResponse { valid }))
}

async fn confirm<R: RepositoryProvider>(
    visit: Visit<R>,
    Body(request): Body<ResetPasswordRequest>,
) -> Result<Json<UserResponse>> {
    let user = visit.scope.password().reset_password_complete(&request.token, &request.new_password).await?;
    Ok(Json(UserResponse { user }))
}
