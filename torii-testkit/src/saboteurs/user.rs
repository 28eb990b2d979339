//! What can be wrong with users.

use torii_core::{
    Error, NewUser, Page, PageRequest, Registration, User, UserId,
    error::{AuthError, StorageError},
    repositories::{PasswordRepository, UserRepository},
};

use super::Saboteur;
use crate::Provider;

pub(super) async fn register_and_overwrite<P: Provider>(
    s: &Saboteur<P>,
    user: NewUser,
    password_hash: &str,
) -> Result<Registration, Error> {
    let registration = s.inner.user().register(user, password_hash).await?;
    if let Registration::Existing(user) = &registration {
        s.inner.password().set_password_hash(&user.id, password_hash).await?;
    }
    Ok(registration)
}

pub(super) async fn find_as_typed<P: Provider>(s: &Saboteur<P>, email: &str) -> Result<Option<User>, Error> {
    let found = s.inner.user().find_by_email(email).await?;
    Ok(found.filter(|user| user.email == email))
}

pub(super) async fn update_anybody<P: Provider>(s: &Saboteur<P>, user: &User) -> Result<User, Error> {
    match s.inner.user().update(user).await {
        Err(Error::Storage(StorageError::NotFound)) => Ok(user.clone()),
        result => result,
    }
}

pub(super) async fn update_by_force<P: Provider>(s: &Saboteur<P>, user: &User) -> Result<User, Error> {
    let result = s.inner.user().update(user).await;
    let Err(Error::Auth(AuthError::UserAlreadyExists)) = result else { return result };
    if let Some(owner) = s.inner.user().find_by_email(&user.email).await? {
        s.inner.user().delete(&owner.id).await?;
    }
    s.inner.user().update(user).await
}

pub(super) async fn delete_nobody<P: Provider>(_: &Saboteur<P>, _: &UserId) -> Result<(), Error> {
    Ok(())
}

pub(super) async fn verify_once<P: Provider>(s: &Saboteur<P>, id: &UserId) -> Result<(), Error> {
    match s.inner.user().find_by_id(id).await? {
        Some(user) if !user.is_email_verified() => s.inner.user().mark_email_verified(id).await,
        _ => Ok(()),
    }
}

pub(super) async fn page_without_next<P: Provider>(
    s: &Saboteur<P>,
    request: &PageRequest,
) -> Result<Page<User>, Error> {
    let page = s.inner.user().page(request).await?;
    Ok(Page { next: None, ..page })
}

pub(super) async fn first_page<P: Provider>(s: &Saboteur<P>, request: &PageRequest) -> Result<Page<User>, Error> {
    s.inner.user().page(&PageRequest::first(request.limit())).await
}
