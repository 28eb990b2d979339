//! Registering with a password.

use axum::{Json, http::Method};
use axum_extra::extract::CookieJar;
use torii::{Registration, RepositoryProvider, Session, ToriiError, User};

use super::{Access, Route, Visit};
use crate::{
    error::Result,
    json::Body,
    settings::RegistrationMode,
    types::{MessageResponse, RegisterRequest},
};

pub(super) fn routes<R: RepositoryProvider>() -> [Route<R>; 1] {
    [Route::new(Method::POST, "/register", Access::Anybody, register::<R>).limited()]
}

/// The answer is the same whether the address is new or not. A session begins for a new user, or for one who gave the right password,
/// and for nobody before the address is proven if that was asked for.
async fn register<R: RepositoryProvider>(
    visit: Visit<R>,
    Body(request): Body<RegisterRequest>,
) -> Result<(CookieJar, Json<MessageResponse>)> {
    let registration = visit.scope.password().try_register(&request.email, &request.password, None).await?;
    let session = match (visit.settings.get().registration, registration) {
        (RegistrationMode::SignsIn, Registration::Created(user)) => {
            let client = visit.client.clone();
            Some(visit.scope.create_session(&user.id, client.user_agent, client.ip).await?)
        }
        (RegistrationMode::SignsIn, Registration::Existing(_)) => sign_in(&visit, &request).await?,
        (RegistrationMode::VerifiesFirst, Registration::Created(user)) => {
            ask_for_proof(&visit, &user).await;
            None
        }
        (RegistrationMode::VerifiesFirst, Registration::Existing(_)) => None,
    };
    let cookies = session.map(|session| visit.sign_in_cookie(&session)).unwrap_or_default();
    let message = "If your email is valid, you will receive a confirmation shortly.".to_owned();
    Ok((cookies, Json(MessageResponse { message })))
}

/// Signs the owner of a taken address in, by password: through the same limits as anybody who signs in.
async fn sign_in<R: RepositoryProvider>(visit: &Visit<R>, request: &RegisterRequest) -> Result<Option<Session>> {
    let client = visit.client.clone();
    match visit.scope.authenticate(&request.email, &request.password, client.user_agent, client.ip).await {
        Ok((_, session)) => Ok(Some(session)),
        // Wrong, locked or busy: told to nobody who only registers.
        Err(ToriiError::AuthError(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Mails a link. That it cannot be sent is not told: for a taken address none is sent either.
async fn ask_for_proof<R: RepositoryProvider>(visit: &Visit<R>, user: &User) {
    let sent = match visit.settings.links(&visit.tenant) {
        Ok(links) => {
            let sent = visit.scope.send_verification_email(&user.id, &links.email_verification_base()).await;
            sent.map(drop).map_err(crate::AuthError::from)
        }
        Err(error) => Err(error),
    };
    if let Err(error) = sent {
        tracing::error!(tenant_id = %visit.tenant, user_id = %user.id, %error, "no verification mail was sent");
    }
}
