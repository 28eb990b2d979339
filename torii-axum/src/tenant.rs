//! Which tenant a request belongs to.

use std::{collections::HashMap, fmt, sync::Arc};

use async_trait::async_trait;
use axum::http::{HeaderName, request::Parts};
use torii::{RepositoryProvider, TenantId, TenantStatus, Torii, ToriiError};
use torii_core::repositories::TenantRepository;

use crate::{
    error::{AuthError, Result},
    host::{host_of, original_uri},
};

/// Finds the tenant of a request, before anything else looks at it.
///
/// The application names where a tenant may come from; nothing else is looked at. Every source that says something has to say the same,
/// and one has to say something. A request that names no tenant, contradicting ones, something that is no tenant id, a suspended tenant
/// or (unless [`TenantResolver::any_tenant`]) one that is not registered is answered with one and the same 404, so that nobody can try
/// out who the tenants are.
///
/// The registry is asked in every request, by one statement more, so that suspending a tenant works at once. A [`TenantDirectory`] of the
/// application's own can save it.
///
/// ```
/// use std::sync::Arc;
///
/// use torii::{RepositoryProvider, Torii};
/// use torii_axum::TenantResolver;
/// use torii_core::repositories::TenantRepository;
///
/// fn tenants<R: RepositoryProvider + TenantRepository>(torii: &Arc<Torii<R>>) -> TenantResolver {
///     // https://acme.app.example is the tenant `acme`.
///     TenantResolver::registered_in(torii).from_subdomain_of("app.example")
/// }
/// ```
///
/// # Two tenants in one browser
///
/// Each has a session cookie of its own: `__Host-session_id.acme`, or `session_id.acme` where the cookie is not `Secure` or has a path
/// (see [`CookieConfig`](crate::CookieConfig)). The name keeps them apart wherever the tenant comes from, hosts or paths; `__Host-`
/// makes browsers refuse a cookie that another host planted, such as the subdomain of another tenant.
#[derive(Clone)]
pub struct TenantResolver(Arc<Rules>);

#[derive(Clone)]
struct Rules {
    directory: Arc<dyn TenantDirectory>,
    registered_only: bool,
    sources: Vec<Source>,
}

#[derive(Clone)]
enum Source {
    Subdomain { suffix: String },
    Hosts(HashMap<String, TenantId>),
    Path { prefix: String },
    Header(HeaderName),
    Fixed(TenantId),
}

/// Knows which tenants there are: a [`Torii`] whose storage keeps the registry, or a list of the application's own in front of it that
/// saves the statement per request.
#[async_trait]
pub trait TenantDirectory: Send + Sync + 'static {
    /// Whether a tenant may be used; `None` if it is not registered.
    ///
    /// # Errors
    /// Those of the storage.
    async fn tenant_status(&self, tenant: &TenantId) -> std::result::Result<Option<TenantStatus>, ToriiError>;
}

#[async_trait]
impl<R: RepositoryProvider + TenantRepository> TenantDirectory for Torii<R> {
    async fn tenant_status(&self, tenant: &TenantId) -> std::result::Result<Option<TenantStatus>, ToriiError> {
        Ok(self.find_tenant(tenant).await?.map(|tenant| tenant.status))
    }
}

/// Why a request has no tenant. Logged, never told.
struct Refused(&'static str);

impl TenantResolver {
    /// Accepts the tenants that are registered ([`Torii::register_tenant`]), and are not suspended.
    pub fn registered_in<R: RepositoryProvider + TenantRepository>(torii: &Arc<Torii<R>>) -> Self {
        let directory = Arc::clone(torii) as Arc<dyn TenantDirectory>;
        Self::with_directory(directory)
    }

    /// Accepts the tenants that `directory` calls active.
    pub fn with_directory(directory: Arc<dyn TenantDirectory>) -> Self {
        Self(Arc::new(Rules { directory, registered_only: true, sources: Vec::new() }))
    }

    /// Accepts tenants that are not registered too. The first write registers them, so whoever can invent names can fill the registry:
    /// for sources that visitors cannot choose.
    #[must_use]
    pub fn any_tenant(self) -> Self {
        self.change(|rules| rules.registered_only = false)
    }

    /// The label in front of `domain`: with `app.example`, `acme.app.example` is the tenant `acme`. Host names have no case, so tenants
    /// that are found this way are written in lower case.
    #[must_use]
    pub fn from_subdomain_of(self, domain: &str) -> Self {
        let suffix = format!(".{}", domain.trim_matches('.').to_ascii_lowercase());
        self.with(Source::Subdomain { suffix })
    }

    /// The tenant of a whole host name, without port.
    #[must_use]
    pub fn from_hosts(self, hosts: impl IntoIterator<Item = (impl AsRef<str>, TenantId)>) -> Self {
        let normal = |host: &str| host.trim_end_matches('.').to_ascii_lowercase();
        self.with(Source::Hosts(hosts.into_iter().map(|(host, tenant)| (normal(host.as_ref()), tenant)).collect()))
    }

    /// The segment of the path after `prefix`: with `/t`, `/t/acme/inbox` is the tenant `acme`; with an empty prefix it is the first
    /// segment. It is the path as the client sent it, wherever the router is nested.
    #[must_use]
    pub fn from_path(self, prefix: &str) -> Self {
        let prefix = format!("{}/", prefix.trim_end_matches('/'));
        self.with(Source::Path { prefix })
    }

    /// A header, such as one that a gateway sets. **Anybody can send any header**: only for servers that are reached through a gateway
    /// which sets this header itself, and removes one that came from outside.
    #[must_use]
    pub fn from_trusted_header(self, name: HeaderName) -> Self {
        self.with(Source::Header(name))
    }

    /// One tenant for all requests.
    #[must_use]
    pub fn fixed(self, tenant: TenantId) -> Self {
        self.with(Source::Fixed(tenant))
    }

    fn with(self, source: Source) -> Self {
        self.change(|rules| rules.sources.push(source))
    }

    fn change(mut self, change: impl FnOnce(&mut Rules)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }

    pub(crate) fn has_source(&self) -> bool {
        !self.0.sources.is_empty()
    }

    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// The tenant of a request.
    ///
    /// # Errors
    /// [`AuthError::TenantRefused`] if it has none that may be used; [`AuthError::Unavailable`] if nobody can tell.
    pub(crate) async fn resolve(&self, parts: &Parts) -> Result<TenantId> {
        let tenant = self.name(parts).map_err(|Refused(reason)| {
            tracing::debug!(reason, "a request has no tenant");
            AuthError::TenantRefused
        })?;
        let status = self.0.directory.tenant_status(&tenant).await?;
        let accepted = match status {
            Some(TenantStatus::Active) => true,
            Some(TenantStatus::Suspended) => false,
            None => !self.0.registered_only,
        };
        if accepted {
            Ok(tenant)
        } else {
            tracing::debug!(tenant_id = %tenant, ?status, "a request is for a tenant that may not be used");
            Err(AuthError::TenantRefused)
        }
    }

    /// What the sources agree on.
    fn name(&self, parts: &Parts) -> std::result::Result<TenantId, Refused> {
        let mut agreed: Option<TenantId> = None;
        for source in &self.0.sources {
            let Some(tenant) = source.read(parts)? else { continue };
            match &agreed {
                Some(other) if *other != tenant => return Err(Refused("its sources contradict each other")),
                _ => agreed = Some(tenant),
            }
        }
        agreed.ok_or(Refused("no source names one"))
    }
}

impl fmt::Debug for TenantResolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TenantResolver").finish_non_exhaustive()
    }
}

impl Source {
    fn read(&self, parts: &Parts) -> std::result::Result<Option<TenantId>, Refused> {
        let id = |text: &str| TenantId::new(text).map(Some).map_err(|_| Refused("what it names is no tenant id"));
        let host = || host_of(parts).map_err(|_| Refused("it asks for no host, or for two"));
        match self {
            Self::Subdomain { suffix } => {
                match host()?.as_ref().and_then(|host| host.name.strip_suffix(suffix.as_str())) {
                    Some(label) => id(label),
                    None => Ok(None),
                }
            }
            Self::Hosts(hosts) => Ok(host()?.and_then(|host| hosts.get(&host.name).cloned())),
            Self::Path { prefix } => match original_uri(parts).path().strip_prefix(prefix.as_str()) {
                Some(rest) => id(rest.split('/').next().unwrap_or_default()),
                None => Ok(None),
            },
            Self::Header(name) => {
                let mut values = parts.headers.get_all(name).iter();
                match (values.next(), values.next()) {
                    (None, _) => Ok(None),
                    (Some(value), None) => id(value.to_str().map_err(|_| Refused("its header is no text"))?),
                    (Some(_), Some(_)) => Err(Refused("it has the header twice")),
                }
            }
            Self::Fixed(tenant) => Ok(Some(tenant.clone())),
        }
    }
}
