//! What happened, for whoever wants to know.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use tokio::sync::RwLock;

pub use crate::error::EventError;
use crate::{
    session::{Session, SessionToken},
    tenant::TenantId,
    user::{User, UserId},
};

#[cfg(test)]
mod tests;

/// Something that happened in a tenant. No `Debug` output shows a token's text; sessions come without theirs.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// A user was created.
    UserCreated(User),
    /// A user's address, name or verification changed.
    UserUpdated(User),
    /// A user's metadata changed. They are not told here: they may be nobody else's business.
    UserMetadataUpdated(UserId),
    /// A user was deleted.
    UserDeleted(UserId),
    /// Somebody signed in.
    SessionCreated(UserId, Session),
    /// Somebody signed out.
    SessionDeleted(UserId, SessionToken),
    /// One session of a user was ended from the list of them.
    SessionRevoked(UserId),
    /// All sessions of a user ended.
    SessionsCleared(UserId),
    /// A wrong password, or an unknown address.
    LoginFailed {
        /// The address, as typed.
        email: String,
        /// How many count against it at present.
        failed_attempts: u32,
        /// Where the attempt came from, if known.
        ip_address: Option<String>,
        /// When.
        timestamp: DateTime<Utc>,
    },
    /// An address was locked.
    AccountLocked {
        /// The address, as typed.
        email: String,
        /// How many wrong passwords it took.
        failed_attempts: u32,
        /// When the lock ends.
        locked_until: DateTime<Utc>,
        /// Where the last attempt came from, if known.
        ip_address: Option<String>,
        /// When.
        timestamp: DateTime<Utc>,
    },
    /// What counted against an address was cleared.
    AccountUnlocked {
        /// The address.
        email: String,
        /// Why.
        reason: UnlockReason,
        /// When.
        timestamp: DateTime<Utc>,
    },
    /// A mail could not be sent and will not be tried again.
    MailFailed {
        /// Whom it was for.
        recipient: String,
        /// What kind of mail it was, such as `magic_link`.
        kind: &'static str,
        /// Why, without the mail's content.
        reason: String,
        /// How often sending was tried.
        attempts: u32,
        /// When it was given up.
        timestamp: DateTime<Utc>,
    },
}

/// Why what counted against an address was cleared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum UnlockReason {
    /// Its owner chose a new password.
    PasswordReset,
    /// The lock came to its end.
    LockoutExpired,
    /// An administrator lifted it.
    AdminAction,
}

/// Told what happened.
#[async_trait]
pub trait EventHandler: Send + Sync + 'static {
    /// Something happened.
    ///
    /// # Errors
    /// An error is logged; what happened has happened, and other handlers are told all the same.
    async fn handle_event(&self, event: &Event) -> Result<(), EventError>;

    /// Something happened in `tenant`. By default the tenant is dropped.
    ///
    /// # Errors
    /// As [`EventHandler::handle_event`].
    async fn handle_tenant_event(&self, tenant: &TenantId, event: &Event) -> Result<(), EventError> {
        let _ = tenant;
        self.handle_event(event).await
    }
}

/// Tells handlers what happened, in the order in which they were registered. Clones share their handlers.
#[derive(Clone, Default)]
pub struct EventBus {
    handlers: Arc<RwLock<Vec<Arc<dyn EventHandler>>>>,
}

impl EventBus {
    /// A bus without handlers.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a handler. It is told what happens from now on.
    pub async fn register(&self, handler: Arc<dyn EventHandler>) {
        self.handlers.write().await.push(handler);
    }

    /// Whether nobody listens.
    pub async fn is_empty(&self) -> bool {
        self.handlers.read().await.is_empty()
    }

    /// Tells every handler, in the default tenant.
    ///
    /// # Errors
    /// The first handler's error, after all have been told.
    pub async fn emit(&self, event: &Event) -> Result<(), EventError> {
        self.emit_in(&TenantId::default_tenant(), event).await
    }

    /// Tells every handler that something happened in `tenant`.
    ///
    /// # Errors
    /// The first handler's error, after all have been told.
    pub async fn emit_in(&self, tenant: &TenantId, event: &Event) -> Result<(), EventError> {
        // The list is copied so that a handler may register another one.
        let handlers = self.handlers.read().await.clone();
        let mut outcome = Ok(());
        for handler in handlers {
            outcome = outcome.and(handler.handle_tenant_event(tenant, event).await);
        }
        outcome
    }
}

impl std::fmt::Debug for EventBus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EventBus").finish_non_exhaustive()
    }
}
