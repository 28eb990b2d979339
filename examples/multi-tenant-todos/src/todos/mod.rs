//! Todos: the application's own table, beside torii's in the same database.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use torii::{TenantId, User, UserId};

mod sql;

/// The longest title, in characters.
pub const LONGEST_TITLE: usize = 200;
/// How many todos a person may keep: nothing grows without bound.
pub const MOST_TODOS: i64 = 500;

/// A todo.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Todo {
    pub id: String,
    pub title: String,
    pub done: bool,
}

/// Whose todos. Every statement names both parts, so that nobody reaches the todos of anybody else, in this tenant or another.
#[derive(Clone, Debug)]
pub struct Owner {
    tenant: TenantId,
    user: UserId,
}

impl Owner {
    pub fn of(user: &User) -> Self {
        Self { tenant: user.tenant_id.clone(), user: user.id.clone() }
    }
}

/// A statement on the application's own table failed.
#[derive(Debug, thiserror::Error)]
#[error("could not {operation}")]
pub struct StoreError {
    pub operation: &'static str,
    pub source: sqlx::Error,
}

/// What came of adding a todo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Added {
    Yes,
    /// [`MOST_TODOS`] are there already.
    TooMany,
}

/// Where todos are kept.
#[async_trait]
pub trait TodoStore: Send + Sync + 'static {
    /// Makes the table, unless it is there.
    async fn create_table(&self) -> Result<(), StoreError>;
    /// Open ones first, then by age.
    async fn list(&self, owner: &Owner) -> Result<Vec<Todo>, StoreError>;
    async fn add(&self, owner: &Owner, title: &str, now: DateTime<Utc>) -> Result<Added, StoreError>;
    /// Whether the owner has such a todo.
    async fn set_done(&self, owner: &Owner, id: &str, done: bool) -> Result<bool, StoreError>;
    /// Whether the owner had such a todo.
    async fn delete(&self, owner: &Owner, id: &str) -> Result<bool, StoreError>;
}
