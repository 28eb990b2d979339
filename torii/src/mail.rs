//! Mail, sent in the background: neither the time of a call nor its result depends on it.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use torii_core::{
    Clock, RepositoryProvider, SecureToken, TenantId,
    error::{AuthError, Error, ValidationError},
    events::{Event, EventBus},
    services::{ToriiMailerService, mailer::Letter},
};
use torii_mailer::{
    Mailer, MailerConfig,
    queue::{MailFailure, MailJob, MailQueue, QueueConfig},
};

use crate::{MailLimit, Torii, ToriiBuilderError, ToriiError, mail_limit::MailLimiter};

/// A mailer and its queue.
#[derive(Clone)]
pub(crate) struct Mail {
    service: Arc<ToriiMailerService>,
    queue: MailQueue,
    limiter: MailLimiter,
}

impl Mail {
    pub(crate) fn new(service: Arc<ToriiMailerService>, events: EventBus, clock: Arc<dyn Clock>) -> Self {
        let observer = move |failure: &MailFailure| report(failure, &events, &*clock);
        let queue = MailQueue::with_observer(service.transport(), QueueConfig::default(), Arc::new(observer));
        Self { service, queue, limiter: MailLimiter::new(MailLimit::default()) }
    }

    /// The same mailer, whose failures `events` tells of.
    pub(crate) fn with_events(&self, events: EventBus, clock: Arc<dyn Clock>) -> Self {
        Self { limiter: self.limiter.clone(), ..Self::new(Arc::clone(&self.service), events, clock) }
    }

    /// Counts a mail that was asked for.
    pub(crate) fn admit(
        &self,
        tenant: &TenantId,
        email: &str,
        kind: &'static str,
        now: DateTime<Utc>,
    ) -> Result<(), Error> {
        self.limiter
            .admit(tenant, email, kind, now)
            .map_err(|retry_after_seconds| AuthError::TooManyMails { retry_after_seconds }.into())
    }

    pub(crate) fn send(&self, tenant: &TenantId, letter: Letter, to: &str, name: Option<&str>) {
        let service = Arc::clone(&self.service);
        let (recipient, name) = (to.to_owned(), name.map(str::to_owned));
        let kind = letter.kind();
        let job =
            MailJob::new(kind, to, move || async move { service.render(&letter, &recipient, name.as_deref()).await })
                .with_label(tenant.as_str());
        // What does not fit is reported to the observer.
        let _ = self.queue.enqueue(job);
    }
}

/// Reports a mail that was given up, as an event in the tenant it was sent for.
fn report(failure: &MailFailure, events: &EventBus, clock: &dyn Clock) {
    let tenant = failure.label.as_deref().and_then(|label| TenantId::new(label).ok()).unwrap_or_default();
    let event = Event::MailFailed {
        recipient: failure.recipient.clone(),
        kind: failure.kind,
        reason: failure.cause.to_string(),
        attempts: failure.attempts,
        timestamp: clock.now(),
    };
    let events = events.clone();
    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
        runtime.spawn(async move {
            if let Err(error) = events.emit_in(&tenant, &event).await {
                tracing::warn!(tenant_id = %tenant, %error, "an event handler failed");
            }
        });
    }
}

/// The link that leads to `base` with a token.
pub(crate) fn link(base: &str, token: &str) -> Result<String, ToriiError> {
    torii_mailer::link::link_with_token(base, token).map_err(|error| {
        ToriiError::auth(Error::from(ValidationError::InvalidField(format!("link address {base:?}: {error}"))))
    })
}

/// The link that leads to `base` with a token that was just issued.
pub(crate) fn link_for(base: &str, token: &SecureToken) -> Result<String, ToriiError> {
    link(base, token.token().unwrap_or_default())
}

impl<R: RepositoryProvider> Torii<R> {
    /// Sends mail as `config` says.
    ///
    /// # Errors
    /// [`ToriiError::StorageError`] if the transport cannot be made; the directory of the file transport is created here.
    pub fn with_mailer(self, config: MailerConfig) -> Result<Self, ToriiError> {
        let service = ToriiMailerService::new(config)
            .map_err(|error| ToriiError::StorageError(format!("Failed to configure mailer: {error}").into()))?;
        Ok(self.with_mailer_service(service))
    }

    /// Sends mail as the environment says (`MAILER_*`).
    ///
    /// # Errors
    /// [`ToriiError::StorageError`] if a variable is invalid or the transport cannot be made.
    pub fn with_mailer_from_env(self) -> Result<Self, ToriiError> {
        let service = ToriiMailerService::from_env().map_err(|error| {
            ToriiError::StorageError(format!("Failed to configure mailer from environment: {error}").into())
        })?;
        Ok(self.with_mailer_service(service))
    }

    /// Sends mail through `transport`, with sender and names from `config`, whose own transport is not used. For transports of
    /// the application's own, and for tests.
    #[must_use]
    pub fn with_mail_transport(self, transport: Arc<dyn Mailer>, config: MailerConfig) -> Self {
        self.with_mailer_service(ToriiMailerService::with_transport(transport, config))
    }

    /// Sets how many mails of a kind can be asked for, for one address, before further ones are refused. Without a mailer it does
    /// nothing.
    #[must_use]
    pub fn with_mail_limit(self, limit: MailLimit) -> Self {
        Self::from_core(self.core.change_shared(|shared| {
            if let Some(mail) = &mut shared.mail {
                mail.limiter = MailLimiter::new(limit);
            }
        }))
    }

    pub(crate) fn with_mailer_service(self, service: ToriiMailerService) -> Self {
        let events = self.core.shared().events.clone();
        let mail = Mail::new(Arc::new(service), events, self.core.all_repositories().clock());
        Self::from_core(self.core.change_shared(|shared| shared.mail = Some(mail)))
    }
}

impl<R: RepositoryProvider, S> Torii<R, S> {
    /// Waits until every mail that was asked for before, in any tenant, has been sent or given up. For tests, and before the process ends.
    pub async fn flush_mail(&self) {
        if let Some(mail) = &self.core.shared().mail {
            mail.queue.flush().await;
        }
    }
}

/// A mailer that was chosen but not made yet.
pub(crate) enum ChosenMailer {
    Config(MailerConfig),
    Transport(Arc<dyn Mailer>, MailerConfig),
}

impl ChosenMailer {
    pub(crate) fn from_env() -> Result<Self, ToriiBuilderError> {
        MailerConfig::from_env()
            .map(Self::Config)
            .map_err(|error| ToriiBuilderError::MailerConfiguration(error.to_string()))
    }

    pub(crate) fn make(self) -> Result<ToriiMailerService, ToriiBuilderError> {
        match self {
            Self::Config(config) => ToriiMailerService::new(config)
                .map_err(|error| ToriiBuilderError::MailerConfiguration(error.to_string())),
            Self::Transport(transport, config) => Ok(ToriiMailerService::with_transport(transport, config)),
        }
    }
}
