//! Passkeys: the signed-in user's list, and the ceremonies.

use axum::{
    Json,
    extract::{Path, rejection::PathRejection},
    http::{Method, StatusCode},
};
use axum_extra::extract::CookieJar;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use torii::{PasskeyCeremony, PasskeyCredential, RepositoryProvider};

use super::{Access, Route, SignedIn, Visit};
use crate::{
    error::{AuthError, Result},
    json::Body,
    settings::AuthSettings,
    types::{
        AuthResponse, FinishPasskeyRequest, MessageResponse, PasskeyCeremonyResponse, PasskeyInfo, PasskeyResponse,
        PasskeysResponse, RenamePasskeyRequest,
    },
};

/// Ceremonies are there if the application said who asks for passkeys.
pub(super) fn routes<R: RepositoryProvider>(settings: &AuthSettings) -> Vec<Route<R>> {
    let mut routes = vec![
        Route::new(Method::GET, "/passkeys", Access::User, list::<R>),
        Route::new(Method::PATCH, "/passkeys/{id}", Access::User, rename::<R>),
        Route::new(Method::DELETE, "/passkeys/{id}", Access::User, delete::<R>),
    ];
    if settings.get().relying_party.is_some() {
        routes.extend([
            Route::new(Method::POST, "/passkeys/register/start", Access::User, start_registration::<R>),
            Route::new(Method::POST, "/passkeys/register/finish", Access::User, finish_registration::<R>),
            Route::new(Method::POST, "/passkeys/authenticate/start", Access::Anybody, start_sign_in::<R>).limited(),
            Route::new(Method::POST, "/passkeys/authenticate/finish", Access::TokenHolder, finish_sign_in::<R>)
                .limited(),
        ]);
    }
    routes
}

async fn list<R: RepositoryProvider>(
    visit: Visit<R>,
    SignedIn { user, .. }: SignedIn,
) -> Result<Json<PasskeysResponse>> {
    let passkeys = visit.scope.passkey().get_user_credentials(&user.id).await?;
    Ok(Json(PasskeysResponse { passkeys: passkeys.into_iter().map(shown).collect() }))
}

/// Renames a passkey of the signed-in user. That of somebody else is not found.
async fn rename<R: RepositoryProvider>(
    visit: Visit<R>,
    SignedIn { user, .. }: SignedIn,
    id: std::result::Result<Path<String>, PathRejection>,
    Body(RenamePasskeyRequest { name }): Body<RenamePasskeyRequest>,
) -> Result<Json<MessageResponse>> {
    if !visit.scope.passkey().rename_credential(&user.id, &credential_id(id)?, name).await? {
        return Err(AuthError::NotFound);
    }
    Ok(Json(MessageResponse { message: "Passkey renamed".to_owned() }))
}

/// Deletes a passkey of the signed-in user. That of somebody else is not found.
async fn delete<R: RepositoryProvider>(
    visit: Visit<R>,
    SignedIn { user, .. }: SignedIn,
    id: std::result::Result<Path<String>, PathRejection>,
) -> Result<Json<MessageResponse>> {
    let id = credential_id(id)?;
    let passkeys = visit.scope.passkey().get_user_credentials(&user.id).await?;
    if !passkeys.iter().any(|passkey| passkey.credential_id == id) {
        return Err(AuthError::NotFound);
    }
    visit.scope.passkey().delete_credential(&id).await?;
    Ok(Json(MessageResponse { message: "Passkey deleted".to_owned() }))
}

async fn start_registration<R: RepositoryProvider>(
    visit: Visit<R>,
    SignedIn { user, .. }: SignedIn,
) -> Result<Json<PasskeyCeremonyResponse>> {
    let relying_party = visit.settings.relying_party(&visit.tenant)?;
    let ceremony = visit.scope.passkey().start_registration(&relying_party, &user.id).await?;
    Ok(begun(ceremony))
}

async fn finish_registration<R: RepositoryProvider>(
    visit: Visit<R>,
    SignedIn { user, .. }: SignedIn,
    Body(request): Body<FinishPasskeyRequest>,
) -> Result<(StatusCode, Json<PasskeyResponse>)> {
    let relying_party = visit.settings.relying_party(&visit.tenant)?;
    let response = request.response.to_string();
    let passkey = visit
        .scope
        .passkey()
        .finish_registration(&relying_party, &user.id, &request.ceremony_id, &response, request.name)
        .await?;
    Ok((StatusCode::CREATED, Json(PasskeyResponse { passkey: shown(passkey) })))
}

async fn start_sign_in<R: RepositoryProvider>(visit: Visit<R>) -> Result<Json<PasskeyCeremonyResponse>> {
    let relying_party = visit.settings.relying_party(&visit.tenant)?;
    Ok(begun(visit.scope.passkey().start_authentication(&relying_party).await?))
}

async fn finish_sign_in<R: RepositoryProvider>(
    visit: Visit<R>,
    Body(request): Body<FinishPasskeyRequest>,
) -> Result<(CookieJar, Json<AuthResponse>)> {
    let relying_party = visit.settings.relying_party(&visit.tenant)?;
    let (client, response) = (visit.client.clone(), request.response.to_string());
    let (user, session) = visit
        .scope
        .passkey()
        .finish_authentication(&relying_party, &request.ceremony_id, &response, client.user_agent, client.ip)
        .await?;
    Ok((visit.sign_in_cookie(&session), Json(AuthResponse { user, session: visit.shown(session) })))
}

fn credential_id(id: std::result::Result<Path<String>, PathRejection>) -> Result<Vec<u8>> {
    id.ok().and_then(|Path(id)| URL_SAFE_NO_PAD.decode(id).ok()).ok_or(AuthError::NotFound)
}

fn begun(ceremony: PasskeyCeremony) -> Json<PasskeyCeremonyResponse> {
    Json(PasskeyCeremonyResponse { ceremony_id: ceremony.ceremony_id, options: ceremony.options })
}

fn shown(passkey: PasskeyCredential) -> PasskeyInfo {
    PasskeyInfo {
        id: URL_SAFE_NO_PAD.encode(&passkey.credential_id),
        name: passkey.name,
        created_at: passkey.created_at,
        last_used_at: passkey.last_used_at,
    }
}
