//! What an application keeps with its users.

use torii_core::{MetadataPatch, Page, PageRequest, RepositoryProvider, User, UserId, UserMetadata, events::Event};

use crate::{Torii, ToriiError};

impl<R: RepositoryProvider, S> Torii<R, S> {
    /// The metadata of a user: empty until they are set. `None` if there is no such user.
    ///
    /// # Errors
    /// [`ToriiError::StorageError`], [`ToriiError::Tenant`].
    #[tracing::instrument(name = "user.user_metadata", level = "debug", skip_all, fields(tenant_id = self.core.tenant_name()))]
    pub async fn user_metadata(&self, user_id: &UserId) -> Result<Option<UserMetadata>, ToriiError> {
        self.core.users()?.metadata(user_id).await.map_err(ToriiError::storage)
    }

    /// Replaces the metadata of a user. Of two callers who read, change and set, one undoes what the other did: see
    /// [`Torii::merge_user_metadata`].
    ///
    /// # Errors
    /// [`ToriiError::StorageError`] if there is no such user; [`ToriiError::Tenant`].
    #[tracing::instrument(name = "user.set_user_metadata", level = "debug", skip_all, fields(tenant_id = self.core.tenant_name()))]
    pub async fn set_user_metadata(&self, user_id: &UserId, metadata: &UserMetadata) -> Result<(), ToriiError> {
        self.core.users()?.set_metadata(user_id, metadata).await?;
        self.core.emit(|| Event::UserMetadataUpdated(user_id.clone())).await;
        Ok(())
    }

    /// Changes the metadata of a user by a JSON Merge Patch (RFC 7396), and returns what became of them. In one transaction: of
    /// two patches at once neither is lost.
    ///
    /// ```
    /// # use torii::{MetadataPatch, RepositoryProvider, TenantScope, ToriiError, UserId, UserMetadata};
    /// # async fn example<R: RepositoryProvider>(scope: TenantScope<R>, id: &UserId) -> Result<(), Box<dyn std::error::Error>> {
    /// let patch = MetadataPatch::new(serde_json::json!({"theme": "dark", "trial_ends": null}))?;
    /// let metadata: UserMetadata = scope.merge_user_metadata(id, &patch).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ToriiError::AuthError`] if they become too large, [`ToriiError::StorageError`] if there is no such user;
    /// [`ToriiError::Tenant`].
    #[tracing::instrument(name = "user.merge_user_metadata", level = "debug", skip_all, fields(tenant_id = self.core.tenant_name()))]
    pub async fn merge_user_metadata(
        &self,
        user_id: &UserId,
        patch: &MetadataPatch,
    ) -> Result<UserMetadata, ToriiError> {
        let metadata = self.core.users()?.merge_metadata(user_id, patch).await?;
        self.core.emit(|| Event::UserMetadataUpdated(user_id.clone())).await;
        Ok(metadata)
    }

    /// A page of the users whose metadata [contain](UserMetadata::contains) `filter`, by id. The empty filter is contained in
    /// everybody's.
    ///
    /// PostgreSQL can find them by an index, unless row-level security is on. There, and on SQLite, the metadata of one user of the
    /// tenant after the other are looked at until the page is full. A filter is the application's own: do not pass on what a
    /// visitor wrote.
    ///
    /// # Errors
    /// [`ToriiError::StorageError`], [`ToriiError::Tenant`].
    #[tracing::instrument(name = "user.find_users_by_metadata", level = "debug", skip_all, fields(tenant_id = self.core.tenant_name()))]
    pub async fn find_users_by_metadata(
        &self,
        filter: &UserMetadata,
        request: PageRequest,
    ) -> Result<Page<User>, ToriiError> {
        self.core.users()?.page_by_metadata(filter, &request).await.map_err(ToriiError::storage)
    }
}
