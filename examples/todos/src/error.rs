//! Why a visitor does not get what was asked for.

use axum::{
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use axum_extra::extract::cookie::CookieJar;
use torii_axum::AuthError;

pub(crate) enum Refusal {
    /// Nobody is signed in; the cookie that says otherwise is forgotten.
    SignInFirst(CookieJar),
    /// There is no such todo of the user's.
    NotFound,
    /// The todo cannot be kept, for this reason.
    Invalid(&'static str),
    /// torii refused, or its database failed.
    Auth(AuthError),
    /// A page could not be written.
    Render(askama::Error),
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        match self {
            Self::SignInFirst(jar) => (jar, Redirect::to("/sign-in")).into_response(),
            Self::NotFound => StatusCode::NOT_FOUND.into_response(),
            Self::Invalid(reason) => (StatusCode::UNPROCESSABLE_ENTITY, reason).into_response(),
            Self::Auth(error) => error.into_response(),
            Self::Render(error) => {
                tracing::error!(%error, "a page could not be written");
                StatusCode::INTERNAL_SERVER_ERROR.into_response()
            }
        }
    }
}

impl From<AuthError> for Refusal {
    fn from(error: AuthError) -> Self {
        Self::Auth(error)
    }
}

impl From<askama::Error> for Refusal {
    fn from(error: askama::Error) -> Self {
        Self::Render(error)
    }
}
