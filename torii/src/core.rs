//! What every namespace works on: one tenant's repositories, and what all tenants share.

use std::sync::Arc;

use torii_core::{
    JwtSessionProvider, RepositoryProvider, Session, SessionProvider, TenantContext, TenantError, TenantId, UserId,
    error::Error,
    events::{Event, EventBus},
    password::PasswordHasher,
    repositories::SessionRepository,
    session::NewSession,
};

/// One tenant's view of the library.
pub(crate) struct Core<R> {
    repositories: Arc<R>,
    context: Result<TenantContext, TenantError>,
    shared: Arc<Shared>,
}

impl<R> Clone for Core<R> {
    fn clone(&self) -> Self {
        Self {
            repositories: Arc::clone(&self.repositories),
            context: self.context.clone(),
            shared: Arc::clone(&self.shared),
        }
    }
}

/// What all tenants share.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) hasher: PasswordHasher,
    pub(crate) sessions: Sessions,
    pub(crate) events: EventBus,
    #[cfg(feature = "mailer")]
    pub(crate) mail: Option<crate::mail::Mail>,
}

/// Where sessions are kept.
#[derive(Clone)]
pub(crate) enum Sessions {
    Database,
    Jwt(JwtSessionProvider),
}

impl<R: RepositoryProvider> Core<R> {
    pub(crate) fn new(repositories: Arc<R>) -> Self {
        let context = TenantContext::new(repositories.tenant_id().clone(), torii_core::TenantPolicy::default());
        let shared = Shared {
            hasher: PasswordHasher::shared(),
            sessions: Sessions::Database,
            events: EventBus::new(),
            #[cfg(feature = "mailer")]
            mail: None,
        };
        Self { repositories, context: Ok(context), shared: Arc::new(shared) }
    }

    /// The same library in another tenant, under the same policy.
    pub(crate) fn for_tenant(&self, tenant: Result<TenantId, TenantError>) -> Self {
        let context = tenant.and_then(|id| Ok(TenantContext::new(id, self.context.clone()?.policy().clone())));
        let repositories = match &context {
            Ok(context) => Arc::new(self.repositories.for_tenant(context.id().clone())),
            // Never used: every call asks for the tenant first.
            Err(_) => Arc::clone(&self.repositories),
        };
        Self { repositories, context, shared: Arc::clone(&self.shared) }
    }

    /// The tenant of every call. An invalid one is refused here, before the database hears of it.
    pub(crate) fn tenant(&self) -> Result<&TenantContext, TenantError> {
        self.context.as_ref().map_err(Clone::clone)
    }

    /// The tenant, for spans.
    pub(crate) fn tenant_name(&self) -> &str {
        self.context.as_ref().map_or("invalid", |context| context.id().as_str())
    }

    /// The tenant's repositories.
    pub(crate) fn repositories(&self) -> Result<&Arc<R>, TenantError> {
        self.tenant().map(|_| &self.repositories)
    }

    /// The repositories, whatever the tenant; for what concerns all tenants.
    pub(crate) fn all_repositories(&self) -> &Arc<R> {
        &self.repositories
    }

    pub(crate) fn map_repositories(mut self, change: impl FnOnce(R) -> R) -> Self {
        let tenant = self.repositories.tenant_id().clone();
        self.repositories = Arc::new(change(self.repositories.for_tenant(tenant)));
        self
    }

    #[cfg(any(feature = "password", feature = "mailer"))]
    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }

    pub(crate) fn change_shared(mut self, change: impl FnOnce(&mut Shared)) -> Self {
        change(Arc::make_mut(&mut self.shared));
        self
    }

    pub(crate) fn change_policy(mut self, change: impl FnOnce(&mut torii_core::TenantPolicy)) -> Self {
        if let Ok(context) = &self.context {
            let mut policy = context.policy().clone();
            change(&mut policy);
            self.context = Ok(TenantContext::new(context.id().clone(), policy));
        }
        self
    }

    /// The session to be stored with a sign-in; `None` where sessions are not kept in the database.
    #[cfg(any(feature = "password", feature = "magic-link"))]
    pub(crate) fn stored_session(
        &self,
        context: &TenantContext,
        user_agent: Option<String>,
        ip_address: Option<String>,
    ) -> Option<NewSession> {
        match self.shared.sessions {
            Sessions::Database => Some(new_session(context, user_agent, ip_address)),
            Sessions::Jwt(_) => None,
        }
    }

    /// Sessions in signed tokens of this tenant, if that is where they are kept.
    pub(crate) fn jwt_sessions(&self, context: &TenantContext) -> Option<JwtSessionProvider> {
        match &self.shared.sessions {
            Sessions::Database => None,
            Sessions::Jwt(provider) => Some(
                provider
                    .for_tenant(context.id().clone())
                    .with_clock(self.repositories.clock())
                    .with_max_lifetime(context.policy().session_max_lifetime),
            ),
        }
    }

    /// Whether sessions are kept in the database, and end with what ends them there.
    #[cfg(feature = "password")]
    pub(crate) fn keeps_sessions(&self) -> bool {
        matches!(self.shared.sessions, Sessions::Database)
    }

    /// Begins a session for a user who has just been identified.
    pub(crate) async fn begin_session(
        &self,
        user_id: &UserId,
        user_agent: Option<String>,
        ip_address: Option<String>,
    ) -> Result<Session, Error> {
        let context = self.tenant()?;
        let session = match self.jwt_sessions(context) {
            Some(provider) => {
                let lifetime = context.policy().first_session_lifetime();
                provider.create_session(user_id, user_agent, ip_address, lifetime).await?
            }
            None => {
                let new = new_session(context, user_agent, ip_address);
                let session = new.begin(context.id().clone(), user_id.clone(), self.repositories.clock().now());
                self.repositories.session().create(session).await?
            }
        };
        self.session_began(&session).await;
        Ok(session)
    }

    /// Completes a sign-in that stored its session already, or needs a signed token instead.
    #[cfg(any(feature = "password", feature = "magic-link", feature = "oauth", feature = "passkey"))]
    pub(crate) async fn finish_sign_in(
        &self,
        user: torii_core::User,
        stored: Option<Session>,
        user_agent: Option<String>,
        ip_address: Option<String>,
    ) -> Result<(torii_core::User, Session), crate::ToriiError> {
        let session = match stored {
            Some(session) => {
                self.session_began(&session).await;
                session
            }
            None => self.begin_session(&user.id, user_agent, ip_address).await.map_err(crate::ToriiError::storage)?,
        };
        Ok((user, session))
    }

    async fn session_began(&self, session: &Session) {
        self.emit(|| Event::SessionCreated(session.user_id.clone(), session.clone().without_token())).await;
    }

    /// Tells whoever listens. What happened has happened: a failing handler is only logged.
    pub(crate) async fn emit(&self, event: impl FnOnce() -> Event) {
        let Ok(context) = &self.context else { return };
        if self.shared.events.is_empty().await {
            return;
        }
        if let Err(error) = self.shared.events.emit_in(context.id(), &event()).await {
            tracing::warn!(tenant_id = %context.id(), %error, "an event handler failed");
        }
    }

    /// Sends a mail, if there is a mailer. Neither waits nor fails.
    #[cfg(feature = "mailer")]
    pub(crate) fn send(&self, letter: torii_core::services::mailer::Letter, to: &str, name: Option<&str>) {
        if let (Some(mail), Ok(context)) = (&self.shared.mail, &self.context) {
            mail.send(context.id(), letter, to, name);
        }
    }

    /// Checks what a mail with a link was asked for: `base` is a URL, and `email` has not been sent too many. Asked before anything
    /// is looked up, so that the answer is the same whether anybody owns the address or not.
    #[cfg(feature = "mailer")]
    pub(crate) fn check_mail(&self, email: &str, kind: &'static str, base: &str) -> Result<(), crate::ToriiError> {
        let context = self.tenant()?;
        let Some(mail) = &self.shared.mail else { return Ok(()) };
        crate::mail::link(base, "")?;
        mail.admit(context.id(), email, kind, self.repositories.clock().now()).map_err(crate::ToriiError::auth)
    }
}

/// A session under the policy in force.
fn new_session(context: &TenantContext, user_agent: Option<String>, ip_address: Option<String>) -> NewSession {
    NewSession { user_agent, ip_address, lifetime: context.policy().first_session_lifetime() }
}
