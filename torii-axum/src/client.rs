//! The address of a client behind proxies.

use std::net::{IpAddr, SocketAddr};

use axum::http::HeaderMap;

#[cfg(test)]
mod tests;

/// What the `X-Forwarded-For` header says of the client, where `proxies` of our own each append the address they were called from.
/// Everything further left was written by the client itself. `None` if the request did not come through that many proxies.
pub(crate) fn forwarded_for(headers: &HeaderMap, proxies: usize) -> Option<IpAddr> {
    let mut entries = Vec::new();
    for value in headers.get_all("x-forwarded-for") {
        entries.extend(value.to_str().ok()?.split(','));
    }
    let entry = entries.len().checked_sub(proxies).and_then(|index| entries.get(index))?.trim();
    let with_port = || entry.parse::<SocketAddr>().map(|address| address.ip());
    entry.parse().or_else(|_| with_port()).ok()
}
