//! The host that a request asks for.

use axum::{
    extract::OriginalUri,
    http::{Uri, header, request::Parts},
};

#[cfg(test)]
mod tests;

/// The host that a request asks for, in lower case. It is what the sender wrote: good for telling hosts apart, never for links.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Host {
    /// Without the port.
    pub(crate) name: String,
    /// With the port, if one was written.
    pub(crate) with_port: String,
}

/// What is written is no host, or two hosts are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoHost;

/// The URI as the client sent it, before routers took prefixes off.
pub(crate) fn original_uri(parts: &Parts) -> &Uri {
    parts.extensions.get::<OriginalUri>().map_or(&parts.uri, |OriginalUri(uri)| uri)
}

/// The host in the `Host` header and in the URI (`:authority` in HTTP/2). Where both are there they have to agree (RFC 9113, section
/// 8.3.1); two headers are an error (RFC 9112, section 3.2).
pub(crate) fn host_of(parts: &Parts) -> Result<Option<Host>, NoHost> {
    let mut headers = parts.headers.get_all(header::HOST).iter();
    let header = match (headers.next(), headers.next()) {
        (None, _) => None,
        (Some(value), None) => Some(parse(value.to_str().map_err(|_| NoHost)?)?),
        (Some(_), Some(_)) => return Err(NoHost),
    };
    let authority = original_uri(parts).authority().map(|authority| parse(authority.as_str())).transpose()?;
    match (header, authority) {
        (Some(header), Some(authority)) if header != authority => Err(NoHost),
        (header, authority) => Ok(header.or(authority)),
    }
}

fn parse(text: &str) -> Result<Host, NoHost> {
    let with_port = text.to_ascii_lowercase();
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte);
    if with_port.is_empty() || !with_port.bytes().all(allowed) {
        return Err(NoHost);
    }
    let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    let name = match with_port.rsplit_once(':') {
        Some((name, port)) if is_port(port) && (name.ends_with(']') || !name.contains(':')) => name,
        _ => &with_port,
    };
    // A name may be written with the dot of the root (RFC 3986, section 3.2.2).
    let name = name.strip_suffix('.').unwrap_or(name).to_owned();
    Ok(Host { name, with_port })
}
