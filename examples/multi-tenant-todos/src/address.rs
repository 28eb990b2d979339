//! Where the application is reached, and where each tenant is.
//!
//! It is configured. A `Host` header is the sender's to choose: it only selects one of the configured addresses and never becomes part
//! of a link.

use std::{net::IpAddr, str::FromStr};

use axum::http::{Uri, header, request::Parts};
use thiserror::Error;
use torii::TenantId;
use url::{Host, Url};

/// Where tenants are found by path.
pub const TENANT_PATH: &str = "/t";

/// The address of the application: `https://todos.example`, or `http://localhost:3000` in development.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl {
    https: bool,
    domain: String,
    port: Option<u16>,
}

/// The text is not the address of an application.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("is not http:// or https:// with a domain, such as https://todos.example, and nothing after it")]
pub struct NotPublicUrl;

impl PublicUrl {
    /// `http://localhost` with this port, for development.
    pub fn localhost(port: u16) -> Self {
        Self { https: false, domain: "localhost".to_owned(), port: Some(port) }
    }

    /// Plain HTTP is for the developer's own machine: mails are shown, nothing is secret from whoever sits there.
    pub fn is_development(&self) -> bool {
        !self.https
    }

    /// Scheme, host and port, for links.
    pub fn origin(&self) -> String {
        self.origin_of(&self.domain)
    }

    /// The domain whose subdomains are tenants.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    fn origin_of(&self, host: &str) -> String {
        let scheme = if self.https { "https" } else { "http" };
        let port = self.port.map(|port| format!(":{port}")).unwrap_or_default();
        format!("{scheme}://{host}{port}")
    }

    /// Who a host name is. `None` for names that are not ours: answering to them would let a page under a foreign name that leads here
    /// read this application (DNS rebinding).
    fn asked_for(&self, name: &str) -> Option<Asked> {
        let in_domain = name.strip_suffix(&self.domain);
        match in_domain {
            Some("") => Some(Asked::Site),
            Some(label) if label.ends_with('.') => Some(Asked::Tenant),
            _ if self.is_development() && is_this_machine(name) => Some(Asked::Site),
            _ => None,
        }
    }
}

impl FromStr for PublicUrl {
    type Err = NotPublicUrl;

    fn from_str(text: &str) -> Result<Self, NotPublicUrl> {
        let url = Url::parse(text).map_err(|_| NotPublicUrl)?;
        let plain = url.path() == "/" && url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
        match (url.scheme(), url.host()) {
            (scheme @ ("http" | "https"), Some(Host::Domain(domain))) if plain && url.password().is_none() => {
                Ok(Self { https: scheme == "https", domain: domain.to_owned(), port: url.port() })
            }
            _ => Err(NotPublicUrl),
        }
    }
}

/// Whom a host name asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// The application: the first page, the operator's page, tenants by path.
    Site,
    /// A tenant's own host.
    Tenant,
}

/// Whom a request asks for; `None` if it is nobody here.
pub fn asked(public: &PublicUrl, parts: &Parts) -> Option<Asked> {
    let mut headers = parts.headers.get_all(header::HOST).iter();
    let name = match (headers.next(), headers.next()) {
        (Some(value), None) => host_name(value.to_str().ok()?)?,
        // HTTP/2 has it in the address.
        (None, _) => host_name(parts.uri.authority()?.as_str())?,
        (Some(_), Some(_)) => return None,
    };
    public.asked_for(&name)
}

/// Without the port, in lower case.
fn host_name(authority: &str) -> Option<String> {
    let uri: Uri = authority.parse().ok()?;
    Some(uri.host()?.trim_end_matches('.').to_ascii_lowercase())
}

fn is_this_machine(name: &str) -> bool {
    let address: Result<IpAddr, _> = name.trim_start_matches('[').trim_end_matches(']').parse();
    name == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

/// How a request reached its tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reached {
    /// By `/t/acme`.
    ByPath,
    /// By `acme.todos.example`.
    ByHost,
}

/// Where the pages of one tenant are, for links.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenantAddress {
    origin: String,
    base: String,
}

impl TenantAddress {
    pub fn new(public: &PublicUrl, reached: Reached, tenant: &TenantId) -> Self {
        match reached {
            Reached::ByPath => Self { origin: public.origin(), base: format!("{TENANT_PATH}/{tenant}") },
            Reached::ByHost => {
                Self { origin: public.origin_of(&format!("{tenant}.{}", public.domain)), base: String::new() }
            }
        }
    }

    /// The path of a page, for links between pages: `/sign-in` is `/t/acme/sign-in` or `/sign-in`.
    pub fn path(&self, page: &str) -> String {
        match (self.base.as_str(), page) {
            ("", page) => page.to_owned(),
            (base, "/") => base.to_owned(),
            (base, page) => format!("{base}{page}"),
        }
    }

    /// The address of a page, for links in mails.
    pub fn url(&self, page: &str) -> String {
        format!("{}{}", self.origin, self.path(page))
    }

    /// Whether a path on this host belongs to this tenant.
    pub fn contains(&self, path: &str) -> bool {
        let rest = path.strip_prefix(&self.base);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn public(text: &str) -> PublicUrl {
        text.parse().unwrap()
    }

    #[test]
    fn only_configured_hosts_are_answered() {
        let production = public("https://todos.example");
        assert_eq!(production.asked_for("todos.example"), Some(Asked::Site));
        assert_eq!(production.asked_for("acme.todos.example"), Some(Asked::Tenant));
        for foreign in ["evil.example", "eviltodos.example", "todos.example.evil.example", "localhost", "127.0.0.1", ""]
        {
            assert_eq!(production.asked_for(foreign), None, "{foreign}");
        }
        let development = PublicUrl::localhost(3000);
        for own in ["localhost", "127.0.0.1", "[::1]"] {
            assert_eq!(development.asked_for(own), Some(Asked::Site), "{own}");
        }
        assert_eq!(development.asked_for("acme.localhost"), Some(Asked::Tenant));
        assert_eq!(development.asked_for("rebound.example"), None);
    }

    #[test]
    fn an_address_is_a_scheme_and_a_domain() {
        assert_eq!(public("https://todos.example").origin(), "https://todos.example");
        assert_eq!(public("http://todos.test:8080/").origin(), "http://todos.test:8080");
        for other in
            ["todos.example", "ftp://todos.example", "https://todos.example/app", "https://10.0.0.1", "https://a:b@c.d"]
        {
            assert_eq!(other.parse::<PublicUrl>(), Err(NotPublicUrl), "{other}");
        }
    }

    #[test]
    fn a_tenant_has_an_address_by_path_and_one_by_host() {
        let (public, acme) = (PublicUrl::localhost(3000), TenantId::from_static("acme"));
        let path = TenantAddress::new(&public, Reached::ByPath, &acme);
        assert_eq!(
            (path.path("/"), path.url("/sign-in")),
            ("/t/acme".into(), "http://localhost:3000/t/acme/sign-in".into())
        );
        assert!(path.contains("/t/acme/sessions") && path.contains("/t/acme?page=2"));
        assert!(!path.contains("/t/acme-corp") && !path.contains("/operator"));
        let host = TenantAddress::new(&public, Reached::ByHost, &acme);
        assert_eq!((host.path("/"), host.url("/sign-in")), ("/".into(), "http://acme.localhost:3000/sign-in".into()));
        assert!(host.contains("/sessions"));
    }
}
