//! What a request presents to say who sent it.

use axum::http::{HeaderMap, header};
use torii::SessionToken;

/// The tokens of a request, which nobody has checked.
#[derive(Clone, Debug)]
pub(crate) struct Presented {
    pub(crate) bearer: Option<SessionToken>,
    pub(crate) cookie: Option<SessionToken>,
}

impl Presented {
    /// The one that counts: what was sent on purpose goes before what a browser sends by itself.
    pub(crate) fn token(&self) -> Option<&SessionToken> {
        self.bearer.as_ref().or(self.cookie.as_ref())
    }
}

/// The token of `Authorization: Bearer` (RFC 6750, section 2.1). The scheme is compared without case and separated by one blank or
/// more (RFC 9110, section 11.4). Two such headers are none: who reads which of them is anybody's guess.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<SessionToken> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (value, None) = (values.next()?, values.next()) else { return None };
    let (scheme, token) = value.to_str().ok()?.trim().split_once(' ')?;
    let token = token.trim_start();
    let is_token = scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() && !token.contains(' ');
    is_token.then(|| SessionToken::new(token))
}
