//! What can be wrong with the metadata of users.

use torii_core::{
    Error, MetadataPatch, Page, PageRequest, User, UserId, UserMetadata, error::StorageError,
    repositories::UserRepository,
};

use super::Saboteur;
use crate::Provider;

/// Reads, merges, and writes although somebody else may have written meanwhile.
pub(super) async fn read_then_merge<P: Provider>(
    s: &Saboteur<P>,
    id: &UserId,
    patch: &MetadataPatch,
) -> Result<UserMetadata, Error> {
    let found = s.inner.user().metadata(id).await?.ok_or(StorageError::NotFound)?;
    let merged = found.merge(patch)?;
    s.inner.user().set_metadata(id, &merged).await?;
    Ok(merged)
}

/// Takes a patch for the whole.
pub(super) async fn replace_by_patch<P: Provider>(
    s: &Saboteur<P>,
    id: &UserId,
    patch: &MetadataPatch,
) -> Result<UserMetadata, Error> {
    let merged = UserMetadata::default().merge(patch)?;
    s.inner.user().set_metadata(id, &merged).await?;
    Ok(merged)
}

/// Looks in the neighbour's tenant too.
pub(super) async fn find_next_door<P: Provider>(
    s: &Saboteur<P>,
    filter: &UserMetadata,
    request: &PageRequest,
) -> Result<Page<User>, Error> {
    let page = s.inner.user().page_by_metadata(filter, request).await?;
    if page.items.is_empty() { s.astray.user().page_by_metadata(filter, request).await } else { Ok(page) }
}

/// Compares whole values where it should look for a part of them.
pub(super) async fn find_equal_values<P: Provider>(
    s: &Saboteur<P>,
    filter: &UserMetadata,
    request: &PageRequest,
) -> Result<Page<User>, Error> {
    let mut page = s.inner.user().page_by_metadata(filter, request).await?;
    let mut equal = Vec::new();
    for user in page.items {
        let metadata = s.inner.user().metadata(&user.id).await?.unwrap_or_default();
        if filter.as_map().iter().all(|(name, value)| metadata.get(name) == Some(value)) {
            equal.push(user);
        }
    }
    page.items = equal;
    Ok(page)
}

/// Looks at the first page only.
pub(super) async fn find_the_first_page<P: Provider>(
    s: &Saboteur<P>,
    filter: &UserMetadata,
    request: &PageRequest,
) -> Result<Page<User>, Error> {
    let page = s.inner.user().page_by_metadata(filter, request).await?;
    Ok(Page { next: None, ..page })
}
