//! Signing out.

use axum::{
    Json,
    http::Method,
    response::{IntoResponse, Response},
};
use torii::{RepositoryProvider, ToriiError};
use torii_core::Error;

use super::{Access, Route, Visit};
use crate::{error::AuthError, types::MessageResponse};

pub(super) fn routes<R: RepositoryProvider>() -> [Route<R>; 3] {
    [
        Route::new(Method::POST, "/logout", Access::Anybody, logout::<R>),
        Route::new(Method::DELETE, "/logout", Access::Anybody, logout::<R>),
        Route::new(Method::DELETE, "/session", Access::Anybody, logout::<R>),
    ]
}

/// Ends the sessions of the cookie and of the bearer token, and has the browser forget the cookie. Whoever is not signed in is signed
/// out already. If the database fails the browser forgets too, but is told.
async fn logout<R: RepositoryProvider>(visit: Visit<R>) -> (axum_extra::extract::CookieJar, Response) {
    let mut answer = Json(MessageResponse { message: "Successfully logged out".to_owned() }).into_response();
    for token in [&visit.presented.cookie, &visit.presented.bearer].into_iter().flatten() {
        match visit.scope.delete_session(token).await {
            Err(error) if !is_no_session(&error) => answer = AuthError::from(error).into_response(),
            _ => {}
        }
    }
    (visit.sign_out_cookies(), answer)
}

/// Whether all that is wrong is that the token signs nobody in.
fn is_no_session(error: &ToriiError) -> bool {
    match error {
        ToriiError::AuthError(detail) | ToriiError::StorageError(detail) => {
            matches!(detail.error(), Some(Error::Session(_)))
        }
        _ => false,
    }
}
