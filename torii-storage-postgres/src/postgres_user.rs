//! A user as applications read it with their own statements.

use chrono::{DateTime, Utc};
use torii_core::{TenantId, User, UserId};

/// A row of the table `users`, for applications that join it in statements of their own.
///
/// `locked_at` is what is stored; lockouts that wrong passwords caused are not in it. Where `tenant_id` was not selected it is
/// the default tenant's.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct PostgresUser {
    /// The user's id.
    pub id: String,
    /// The tenant.
    #[sqlx(default, try_from = "String")]
    pub tenant_id: TenantId,
    /// The address, as typed.
    pub email: String,
    /// The name.
    pub name: Option<String>,
    /// When the address was proven.
    pub email_verified_at: Option<DateTime<Utc>>,
    /// When the user was locked by hand.
    #[sqlx(default)]
    pub locked_at: Option<DateTime<Utc>>,
    /// When the user was created.
    pub created_at: DateTime<Utc>,
    /// When the user was last changed.
    pub updated_at: DateTime<Utc>,
}

impl From<PostgresUser> for User {
    fn from(row: PostgresUser) -> Self {
        Self {
            id: UserId::from(row.id),
            tenant_id: row.tenant_id,
            name: row.name,
            email: row.email,
            email_verified_at: row.email_verified_at,
            locked_at: row.locked_at,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

impl From<User> for PostgresUser {
    fn from(user: User) -> Self {
        Self {
            id: user.id.into_inner(),
            tenant_id: user.tenant_id,
            email: user.email,
            name: user.name,
            email_verified_at: user.email_verified_at,
            locked_at: user.locked_at,
            created_at: user.created_at,
            updated_at: user.updated_at,
        }
    }
}
