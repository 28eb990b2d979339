//! What a page can fail with.

use axum::{
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use thiserror::Error;
use torii::ToriiError;
use torii_axum::AuthError;

use crate::todos::StoreError;

/// What a handler answers.
pub type PageResult = Result<Response, PageError>;

/// Why there is no page. [`error_pages`](crate::error_pages) turns the answer into words.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PageError {
    #[error("there is no such thing of the user's")]
    NotFound,
    #[error("nobody is signed in")]
    SignInFirst { sign_in: String },
    #[error(transparent)]
    Request(#[from] AuthError),
    #[error("torii refused")]
    Torii(#[from] ToriiError),
    #[error("the application's own table failed")]
    Store(#[from] StoreError),
    #[error("a page could not be written")]
    Render(#[from] askama::Error),
}

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        match self {
            Self::NotFound => StatusCode::NOT_FOUND.into_response(),
            Self::SignInFirst { sign_in } => Redirect::to(&sign_in).into_response(),
            Self::Request(error) => error.into_response(),
            Self::Torii(error) => AuthError::from(error).into_response(),
            Self::Store(_) | Self::Render(_) => {
                tracing::error!(error = &self as &dyn std::error::Error, "a page failed");
                StatusCode::INTERNAL_SERVER_ERROR.into_response()
            }
        }
    }
}
