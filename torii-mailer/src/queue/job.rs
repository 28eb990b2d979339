//! One mail on its way through the queue.

use std::{fmt, pin::Pin, sync::Arc};

use thiserror::Error;

use crate::{Email, Mailer, MailerError, message};

type Rendering = Pin<Box<dyn Future<Output = Result<Email, MailerError>> + Send>>;
type Render = Box<dyn FnOnce() -> Rendering + Send>;

/// A mail to be rendered and sent.
pub struct MailJob {
    pub(super) kind: &'static str,
    recipient: String,
    label: Option<String>,
    /// Taken when the mail is rendered.
    render: Option<Render>,
}

impl MailJob {
    /// A mail that `render` will make, in the background and once.
    ///
    /// `kind` (`"magic_link"` say) and `recipient` are for reports only.
    pub fn new<F, Fut>(kind: &'static str, recipient: impl Into<String>, render: F) -> Self
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<Email, MailerError>> + Send + 'static,
    {
        Self { kind, recipient: recipient.into(), label: None, render: Some(Box::new(|| Box::pin(render()))) }
    }

    pub(super) fn label(&self) -> Option<&str> {
        self.label.as_deref()
    }

    /// Says on whose behalf the mail is sent: for reports, and so that one label does not fill the queue for others.
    #[must_use]
    pub fn with_label(self, label: impl Into<String>) -> Self {
        Self { label: Some(label.into()), ..self }
    }
}

impl fmt::Debug for MailJob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MailJob").field("kind", &self.kind).field("recipient", &self.recipient).finish_non_exhaustive()
    }
}

/// The queue holds as many mails as it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the mail queue is full")]
pub struct QueueFull;

/// A mail that is not sent and will not be tried again. Holds nothing of its content.
#[derive(Debug, Error)]
#[error("a {kind} mail was not sent after {attempts} attempts")]
#[non_exhaustive]
pub struct MailFailure {
    /// What mail it was.
    pub kind: &'static str,
    /// Whom it was for.
    pub recipient: String,
    /// On whose behalf it was sent, where the job said so.
    pub label: Option<String>,
    /// How often sending was tried.
    pub attempts: u32,
    /// Why it was given up.
    #[source]
    pub cause: FailureCause,
}

/// Why a mail was given up.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FailureCause {
    /// It could not be rendered, or the last attempt to send it failed.
    #[error(transparent)]
    Mail(MailerError),
    /// It did not fit into the queue.
    #[error(transparent)]
    QueueFull(QueueFull),
    /// The attempt was cut off, by a panic or the end of the runtime. It may have arrived all the same.
    #[error("the attempt was cut off")]
    Interrupted,
}

/// Called for every mail that is given up.
pub type FailureObserver = Arc<dyn Fn(&MailFailure) + Send + Sync>;

/// A job with what happened to it so far.
pub(super) struct Pending {
    pub(super) id: u64,
    pub(super) attempts: u32,
    pub(super) job: MailJob,
    email: Option<Email>,
}

impl Pending {
    pub(super) fn label(&self) -> Option<&str> {
        self.job.label()
    }

    pub(super) fn new(id: u64, job: MailJob) -> Self {
        Self { id, attempts: 0, job, email: None }
    }

    /// Renders the mail the first time, and sends it.
    pub(super) async fn attempt(&mut self, transport: &dyn Mailer) -> Result<(), MailerError> {
        self.attempts += 1;
        if let Some(render) = self.job.render.take() {
            let mut email = render().await?;
            message::fix_message_id(&mut email);
            self.email = Some(email);
        }
        match &self.email {
            Some(email) => transport.send_email(email.clone()).await,
            None => Err(MailerError::Builder("The mail was not rendered".to_owned())),
        }
    }

    /// Whether there is a mail to try again with; rendering is done once.
    pub(super) fn is_rendered(&self) -> bool {
        self.email.is_some()
    }

    pub(super) fn into_failure(self, cause: FailureCause) -> MailFailure {
        MailFailure {
            kind: self.job.kind,
            recipient: self.job.recipient,
            label: self.job.label,
            attempts: self.attempts,
            cause,
        }
    }
}
