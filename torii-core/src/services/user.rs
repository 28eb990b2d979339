//! Users.

use std::sync::Arc;

use crate::{
    error::Error,
    page::{Page, PageRequest},
    repositories::{RepositoryProvider, UserRepository},
    user::{MetadataPatch, NewUser, User, UserId, UserMetadata},
    validation::{validate_email, validate_stored_name},
};

/// Creates, finds, changes and deletes users of one tenant.
#[derive(Debug)]
pub struct UserService<R> {
    repositories: Arc<R>,
}

impl<R: RepositoryProvider> UserService<R> {
    /// Works in the tenant of `repositories`.
    pub fn new(repositories: Arc<R>) -> Self {
        Self { repositories }
    }

    /// Creates a user without a password.
    ///
    /// # Errors
    /// A validation error for a bad address or name,
    /// [`AuthError::UserAlreadyExists`](crate::error::AuthError::UserAlreadyExists) if the address is taken.
    pub async fn create_user(&self, email: &str, name: Option<String>) -> Result<User, Error> {
        validate_email(email)?;
        validate_stored_name(name.as_deref())?;
        self.repositories.user().create(NewUser { name, ..NewUser::new(email.to_owned()) }).await
    }

    /// The user with this id.
    ///
    /// # Errors
    /// A storage error.
    pub async fn get_user(&self, id: &UserId) -> Result<Option<User>, Error> {
        self.repositories.user().find_by_id(id).await
    }

    /// The user with this address, however it is typed.
    ///
    /// # Errors
    /// A storage error.
    pub async fn get_user_by_email(&self, email: &str) -> Result<Option<User>, Error> {
        self.repositories.user().find_by_email(email).await
    }

    /// The user with this address, created if there is none.
    ///
    /// # Errors
    /// A validation error for a bad address.
    pub async fn get_or_create_user(&self, email: &str) -> Result<User, Error> {
        validate_email(email)?;
        self.repositories.user().find_or_create_by_email(email).await
    }

    /// Writes address, name and verification of a user. A new address is not verified, whatever `user` says.
    ///
    /// # Errors
    /// A validation error for a bad address or name,
    /// [`AuthError::UserAlreadyExists`](crate::error::AuthError::UserAlreadyExists) if the address is taken,
    /// [`StorageError::NotFound`](crate::error::StorageError::NotFound) if there is no such user.
    pub async fn update_user(&self, user: &User) -> Result<User, Error> {
        validate_email(&user.email)?;
        validate_stored_name(user.name.as_deref())?;
        self.repositories.user().update(user).await
    }

    /// Deletes a user with everything that is the user's.
    ///
    /// # Errors
    /// A storage error.
    pub async fn delete_user(&self, id: &UserId) -> Result<(), Error> {
        self.repositories.user().delete(id).await
    }

    /// Marks the address of a user as proven. An unknown user is `Ok`.
    ///
    /// # Errors
    /// A storage error.
    pub async fn verify_email(&self, id: &UserId) -> Result<(), Error> {
        self.repositories.user().mark_email_verified(id).await
    }

    /// A page of the tenant's users, by id.
    ///
    /// # Errors
    /// A storage error.
    pub async fn page(&self, request: &PageRequest) -> Result<Page<User>, Error> {
        self.repositories.user().page(request).await
    }

    /// All users of the tenant, by id, read page by page.
    ///
    /// # Errors
    /// A storage error.
    pub async fn list(&self) -> Result<Vec<User>, Error> {
        let mut users = Vec::new();
        let mut request = PageRequest::first(PageRequest::MAX_LIMIT);
        loop {
            let page = self.page(&request).await?;
            users.extend(page.items);
            match page.next {
                Some(next) => request = request.after(next),
                None => return Ok(users),
            }
        }
    }

    /// How many users the tenant has.
    ///
    /// # Errors
    /// A storage error.
    pub async fn count(&self) -> Result<u64, Error> {
        self.repositories.user().count().await
    }

    /// The metadata of a user; `None` if there is no such user.
    ///
    /// # Errors
    /// A storage error.
    pub async fn metadata(&self, id: &UserId) -> Result<Option<UserMetadata>, Error> {
        self.repositories.user().metadata(id).await
    }

    /// Replaces the metadata of a user.
    ///
    /// # Errors
    /// [`StorageError::NotFound`](crate::error::StorageError::NotFound) if there is no such user.
    pub async fn set_metadata(&self, id: &UserId, metadata: &UserMetadata) -> Result<(), Error> {
        self.repositories.user().set_metadata(id, metadata).await
    }

    /// Changes the metadata of a user by a JSON Merge Patch (RFC 7396), and returns what became of them.
    ///
    /// # Errors
    /// [`StorageError::NotFound`](crate::error::StorageError::NotFound) if there is no such user,
    /// [`ValidationError::InvalidMetadata`](crate::error::ValidationError::InvalidMetadata) if they become too large.
    pub async fn merge_metadata(&self, id: &UserId, patch: &MetadataPatch) -> Result<UserMetadata, Error> {
        self.repositories.user().merge_metadata(id, patch).await
    }

    /// A page of the users whose metadata [contain](UserMetadata::contains) `filter`, by id.
    ///
    /// # Errors
    /// A storage error.
    pub async fn page_by_metadata(&self, filter: &UserMetadata, request: &PageRequest) -> Result<Page<User>, Error> {
        self.repositories.user().page_by_metadata(filter, request).await
    }
}
