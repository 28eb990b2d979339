//! Users in storage.

use async_trait::async_trait;

use crate::{
    error::{Error, StorageError},
    page::{Page, PageRequest},
    user::{MetadataPatch, NewUser, Registration, User, UserId, UserMetadata},
};

/// Users of the provider's tenant. An address is found by its [`EmailKey`](crate::email::EmailKey), an exact match
/// ([`EmailKey::exact`](crate::email::EmailKey::exact)) winning over the plain key.
///
/// [`User::locked_at`] is the stored time if there is one, else the beginning of the window of a lockout that is in force when
/// the user is read.
#[async_trait]
pub trait UserRepository: Send + Sync + 'static {
    /// Creates a user without a password.
    ///
    /// # Errors
    /// [`AuthError::UserAlreadyExists`](crate::error::AuthError::UserAlreadyExists) if the address is taken.
    async fn create(&self, user: NewUser) -> Result<User, Error>;

    /// Creates a user with a password hash (PHC string) in one statement, or finds who owns the address already.
    async fn register(&self, user: NewUser, password_hash: &str) -> Result<Registration, Error>;

    /// The user with this id.
    async fn find_by_id(&self, id: &UserId) -> Result<Option<User>, Error>;

    /// The user with this address, however it is typed.
    async fn find_by_email(&self, email: &str) -> Result<Option<User>, Error>;

    /// The user with this address, created if there is none. Concurrent callers get the same user.
    async fn find_or_create_by_email(&self, email: &str) -> Result<User, Error>;

    /// Writes address, name and verification, and sets `updated_at`; `locked_at` is not written. When the address becomes
    /// another one (by its key), its verification is cleared and the user's mail tokens die with the old address.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] if there is no such user,
    /// [`AuthError::UserAlreadyExists`](crate::error::AuthError::UserAlreadyExists) if the address is taken.
    async fn update(&self, user: &User) -> Result<User, Error>;

    /// Deletes a user with everything that is the user's.
    async fn delete(&self, id: &UserId) -> Result<(), Error>;

    /// Sets `email_verified_at` and `updated_at` to now.
    async fn mark_email_verified(&self, id: &UserId) -> Result<(), Error>;

    /// A page of the tenant's users, by id.
    async fn page(&self, request: &PageRequest) -> Result<Page<User>, Error> {
        let _ = request;
        Err(StorageError::Unsupported("listing users").into())
    }

    /// How many users the tenant has.
    async fn count(&self) -> Result<u64, Error> {
        Err(StorageError::Unsupported("counting users").into())
    }

    /// The metadata of a user: empty until they are set. `None` if there is no such user.
    async fn metadata(&self, id: &UserId) -> Result<Option<UserMetadata>, Error> {
        let _ = id;
        Err(StorageError::Unsupported("metadata of users").into())
    }

    /// Replaces the metadata of a user, and sets `updated_at`.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] if there is no such user.
    async fn set_metadata(&self, id: &UserId, metadata: &UserMetadata) -> Result<(), Error> {
        let _ = (id, metadata);
        Err(StorageError::Unsupported("metadata of users").into())
    }

    /// [`UserMetadata::merge`] on what is stored, and sets `updated_at`; returns what became of it. In one transaction that
    /// locks the row before it reads: of two patches at once neither is lost.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] if there is no such user,
    /// [`ValidationError::InvalidMetadata`](crate::error::ValidationError::InvalidMetadata) if the result is too large.
    async fn merge_metadata(&self, id: &UserId, patch: &MetadataPatch) -> Result<UserMetadata, Error> {
        let _ = (id, patch);
        Err(StorageError::Unsupported("metadata of users").into())
    }

    /// A page of the tenant's users whose metadata [contain](UserMetadata::contains) `filter`, by id. The empty filter is
    /// contained in everybody's.
    async fn page_by_metadata(&self, filter: &UserMetadata, request: &PageRequest) -> Result<Page<User>, Error> {
        let _ = (filter, request);
        Err(StorageError::Unsupported("metadata of users").into())
    }
}

/// Gives access to users.
pub trait UserRepositoryProvider: Send + Sync + 'static {
    /// The repository.
    type UserRepo: UserRepository;

    /// The repository.
    fn user(&self) -> &Self::UserRepo;
}
