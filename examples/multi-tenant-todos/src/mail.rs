//! Where mail goes.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use torii::Clock;
use torii_mailer::{Email, Mailer, MailerError};

/// How many mails are kept.
const KEPT: usize = 100;

/// Where mail goes.
pub enum Mail {
    /// Kept in memory and shown on a page, for development.
    Outbox(Outbox),
    /// Sent through this.
    Transport(Arc<dyn Mailer>),
    /// Sent as the variables `MAILER_*` say.
    FromEnvironment,
}

/// The last mails. Clones share them.
#[derive(Clone)]
pub struct Outbox {
    mails: Arc<Mutex<VecDeque<SentMail>>>,
    clock: Arc<dyn Clock>,
}

/// A mail that would have been sent.
#[derive(Clone)]
pub struct SentMail {
    pub at: DateTime<Utc>,
    pub to: String,
    pub subject: String,
    pub text: String,
}

impl Outbox {
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { mails: Arc::default(), clock }
    }

    /// Newest first.
    pub fn mails(&self) -> Vec<SentMail> {
        self.lock().iter().rev().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<SentMail>> {
        self.mails.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Mailer for Outbox {
    async fn send_email(&self, email: Email) -> Result<(), MailerError> {
        email.validate()?;
        let mail = SentMail {
            at: self.clock.now(),
            to: email.to.join(", "),
            subject: email.subject,
            text: email.text_body.unwrap_or_default(),
        };
        let mut mails = self.lock();
        if mails.len() == KEPT {
            mails.pop_front();
        }
        mails.push_back(mail);
        Ok(())
    }
}
