//! Requests that another site caused.

use axum::http::{HeaderMap, Method, header, request::Parts};

use crate::{
    credentials::bearer,
    error::{AuthError, Result},
    host::host_of,
    settings::AuthSettings,
};

/// Refuses a request that changes something and that another origin caused in the visitor's browser (OWASP, Cross-Site Request Forgery
/// Prevention Cheat Sheet, "Fetch Metadata headers").
///
/// `Sec-Fetch-Site` decides where the browser sends it. Other origins of the same site are refused too: with a host per tenant they are
/// other tenants. Without it `Origin` must name the host that was asked, or an origin that the application trusts. A request with
/// neither was not sent by a browser of today and passes, and so does one with a bearer token, which no browser adds by itself.
pub(crate) fn check(parts: &Parts, settings: &AuthSettings) -> Result<()> {
    if matches!(parts.method, Method::GET | Method::HEAD | Method::OPTIONS) || bearer(&parts.headers).is_some() {
        return Ok(());
    }
    let origin = only(&parts.headers, header::ORIGIN.as_str())?;
    if origin.is_some_and(|origin| settings.trusts_origin(origin)) {
        return Ok(());
    }
    let own = match (only(&parts.headers, "sec-fetch-site")?, origin) {
        (Some(site), _) => matches!(site, "same-origin" | "none"),
        (None, Some(origin)) => is_own(origin, parts),
        (None, None) => true,
    };
    if own { Ok(()) } else { Err(AuthError::CrossSite) }
}

/// The header's value, if it is there. Twice, or no text, is nothing that a browser sends.
fn only<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(Some).map_err(|_| AuthError::CrossSite),
        (Some(_), Some(_)) => Err(AuthError::CrossSite),
    }
}

/// Whether an origin is the host that was asked. Which scheme the visitor used a server behind a proxy cannot tell.
fn is_own(origin: &str, parts: &Parts) -> bool {
    let authority = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
    match (authority, host_of(parts)) {
        (Some(authority), Ok(Some(host))) => authority.eq_ignore_ascii_case(&host.with_port),
        _ => false,
    }
}
