//! Bodies.

use axum::{
    Json,
    extract::{FromRequest, Request},
};
use serde::de::DeserializeOwned;

use crate::error::AuthError;

/// The JSON body of a request. What is wrong with it is told in the shape of every other error, without repeating any of it.
pub(crate) struct Body<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = AuthError;

    async fn from_request(request: Request, state: &S) -> Result<Self, AuthError> {
        let Json(body) = Json::from_request(request, state).await?;
        Ok(Self(body))
    }
}
