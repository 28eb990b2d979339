//! Mails that go nowhere, for tests and development.

use std::{
    fmt, mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;

use crate::{Email, Mailer, MailerError, message};

/// Keeps the mails in memory, in the order they were sent.
///
/// Clones share one outbox: give one to the application and keep the other to look at. A mail that a real transport would
/// refuse, because of a bad address say, is refused here too.
#[derive(Clone, Default)]
pub struct MemoryTransport {
    outbox: Arc<Mutex<Vec<Email>>>,
}

impl MemoryTransport {
    /// Starts with an empty outbox.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The mails sent so far.
    #[must_use]
    pub fn sent(&self) -> Vec<Email> {
        self.outbox().clone()
    }

    /// The mails sent so far, which are forgotten.
    #[must_use]
    pub fn take(&self) -> Vec<Email> {
        mem::take(&mut *self.outbox())
    }

    /// Number of mails sent so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.outbox().len()
    }

    /// Whether no mail was sent so far.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.outbox().is_empty()
    }

    fn outbox(&self) -> MutexGuard<'_, Vec<Email>> {
        self.outbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Mailer for MemoryTransport {
    async fn send_email(&self, email: Email) -> Result<(), MailerError> {
        message::build(&email)?;
        self.outbox().push(email);
        Ok(())
    }
}

impl fmt::Debug for MemoryTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryTransport").field("sent", &self.len()).finish()
    }
}
