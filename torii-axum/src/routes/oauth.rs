//! The OAuth accounts of the signed-in user. Signing in is the application's part: it speaks the protocol with the provider.

use axum::{Json, extract::Path, http::Method};
use torii::RepositoryProvider;

use super::{Access, Route, SignedIn, Visit};
use crate::{
    error::{AuthError, Result},
    types::{MessageResponse, OAuthAccountInfo, OAuthAccountsResponse},
};

pub(super) fn routes<R: RepositoryProvider>() -> [Route<R>; 2] {
    [
        Route::new(Method::GET, "/oauth/accounts", Access::User, list::<R>),
        Route::new(Method::DELETE, "/oauth/accounts/{provider}", Access::User, unlink::<R>),
    ]
}

async fn list<R: RepositoryProvider>(
    visit: Visit<R>,
    SignedIn { user, .. }: SignedIn,
) -> Result<Json<OAuthAccountsResponse>> {
    let accounts = visit.scope.oauth().list_accounts_for_user(&user.id).await?;
    let accounts = accounts.into_iter().map(|account| OAuthAccountInfo {
        provider: account.provider,
        subject: account.subject,
        created_at: account.created_at,
    });
    Ok(Json(OAuthAccountsResponse { accounts: accounts.collect() }))
}

async fn unlink<R: RepositoryProvider>(
    visit: Visit<R>,
    SignedIn { user, .. }: SignedIn,
    provider: std::result::Result<Path<String>, axum::extract::rejection::PathRejection>,
) -> Result<Json<MessageResponse>> {
    let Path(provider) = provider.map_err(|_| AuthError::NotFound)?;
    visit.scope.oauth().unlink_account(&user.id, &provider).await?;
    Ok(Json(MessageResponse { message: "Account unlinked".to_owned() }))
}
