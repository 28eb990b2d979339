//! What happens to a request before a handler sees it: its tenant is found, then whoever it comes from.

use std::sync::Arc;

use axum::http::request::Parts;
use torii::{Clock, RepositoryProvider, Session, SessionToken, TenantId, TenantScope, Torii, User};

use crate::{
    CookieConfig,
    cookie::SessionCookie,
    credentials::{Presented, bearer},
    error::{AuthError, Result},
    settings::AuthSettings,
    tenant::TenantResolver,
};

/// In a request's extensions: the tenant, and who found it.
#[derive(Clone)]
pub(crate) struct EnteredTenant {
    pub(crate) tenant: TenantId,
    resolver: Option<TenantResolver>,
}

/// In a request's extensions: the cookie in use.
#[derive(Clone)]
pub(crate) struct CookieInUse {
    pub(crate) cookie: SessionCookie,
    pub(crate) clock: Arc<dyn Clock>,
}

/// In a request's extensions: what came of checking a token. Middleware around routes that have middleware of their own asks the
/// database once.
#[derive(Clone)]
struct Checked {
    /// Which database said so.
    asked: usize,
    tenant: TenantId,
    token: SessionToken,
    found: Option<Arc<(User, Session)>>,
}

pub(crate) struct Gate<'a, R> {
    torii: &'a Torii<R>,
    settings: &'a AuthSettings,
}

impl<'a, R: RepositoryProvider> Gate<'a, R> {
    pub(crate) fn new(torii: &'a Torii<R>, settings: &'a AuthSettings) -> Self {
        Self { torii, settings }
    }

    /// Finds the tenant of a request and keeps what handlers need of it in the request's extensions.
    pub(crate) async fn enter(&self, parts: &mut Parts) -> Result<TenantScope<R>> {
        let entered = self.tenant(parts).await?;
        let scope = self.torii.with_tenant(&entered.tenant);
        let config = self.settings.get().cookie.clone();
        let config = config.or_else(|| parts.extensions.get::<CookieConfig>().cloned()).unwrap_or_default();
        let cookie = SessionCookie::new(config, entered.resolver.is_some().then_some(&entered.tenant));
        parts.extensions.insert(CookieInUse { cookie, clock: self.torii.repositories().clock() });
        parts.extensions.insert(self.settings.clone());
        parts.extensions.insert(scope.clone());
        parts.extensions.insert(entered);
        Ok(scope)
    }

    async fn tenant(&self, parts: &Parts) -> Result<EnteredTenant> {
        let outer = parts.extensions.get::<EnteredTenant>();
        let Some(resolver) = &self.settings.get().tenants else {
            // Routes that were given no resolver, inside middleware that has one, stay in the tenant that was found.
            return match outer {
                Some(outer) => Ok(outer.clone()),
                None => Ok(EnteredTenant {
                    tenant: self.torii.tenant().map_err(torii::ToriiError::from)?.id().clone(),
                    resolver: None,
                }),
            };
        };
        if let Some(outer) = outer.filter(|outer| outer.resolver.as_ref().is_some_and(|other| other.is(resolver))) {
            return Ok(outer.clone());
        }
        let tenant = resolver.resolve(parts).await?;
        match outer {
            Some(outer) if outer.resolver.is_some() && outer.tenant != tenant => Err(AuthError::TenantRefused),
            _ => Ok(EnteredTenant { tenant, resolver: Some(resolver.clone()) }),
        }
    }

    /// The tokens that a request carries, once its tenant is found.
    pub(crate) fn presented(parts: &Parts) -> Presented {
        let cookie = parts.extensions.get::<CookieInUse>();
        Presented {
            bearer: bearer(&parts.headers),
            cookie: cookie.and_then(|in_use| in_use.cookie.read(&parts.headers)),
        }
    }

    /// Whose a token is in the tenant of the request, in one statement per request.
    pub(crate) async fn check(
        &self,
        parts: &mut Parts,
        scope: &TenantScope<R>,
        token: &SessionToken,
    ) -> Result<Option<Arc<(User, Session)>>> {
        let tenant = scope.tenant().map_err(torii::ToriiError::from)?.id();
        let asked = Arc::as_ptr(self.torii.repositories()).addr();
        let known = parts.extensions.get::<Checked>();
        if let Some(known) =
            known.filter(|known| known.asked == asked && known.tenant == *tenant && known.token == *token)
        {
            return Ok(known.found.clone());
        }
        let found = scope.authenticate_session(token).await?.map(Arc::new);
        let checked = Checked { asked, tenant: tenant.clone(), token: token.clone(), found: found.clone() };
        parts.extensions.insert(checked);
        Ok(found)
    }

    /// Finds the tenant of a request and whom it comes from, and keeps both for extractors. Whoever was found before, in whatever
    /// tenant, is forgotten.
    pub(crate) async fn identify(&self, parts: &mut Parts) -> Result<Identified> {
        parts.extensions.remove::<User>();
        parts.extensions.insert(None::<User>);
        let scope = self.enter(parts).await?;
        let Some(token) = Self::presented(parts).token().cloned() else { return Ok(Identified::NoToken) };
        let Some(found) = self.check(parts, &scope, &token).await? else { return Ok(Identified::Nobody) };
        let user = &found.0;
        parts.extensions.insert(user.clone());
        parts.extensions.insert(Some(user.clone()));
        Ok(Identified::Somebody)
    }
}

/// Whom a request comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Identified {
    NoToken,
    Nobody,
    Somebody,
}
