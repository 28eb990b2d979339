//! Where a browser may be sent to.

use std::{fmt, str::FromStr};

use axum::response::{IntoResponse, Redirect, Response};
use thiserror::Error;

#[cfg(test)]
mod tests;

/// A path on this host, such as `/inbox?page=2`: what a parameter like `next` may name.
///
/// Whatever could lead elsewhere is refused: absolute addresses, `//host`, `/\host` (browsers read `\` as `/`), control characters
/// (browsers drop tabs and line ends before they look for the host), and what is not ASCII (OWASP, Unvalidated Redirects and Forwards
/// Cheat Sheet). As a response it is a redirect, 303 See Other.
///
/// ```
/// use torii_axum::LocalPath;
///
/// let next = |text: &str| text.parse().unwrap_or(LocalPath::root());
/// assert_eq!(next("/inbox?page=2").as_str(), "/inbox?page=2");
/// assert_eq!(next("https://evil.example").as_str(), "/");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalPath(String);

/// The text is not a path on this host.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("not a path on this host")]
pub struct NotLocal;

impl LocalPath {
    /// The longest path, in bytes.
    pub const MAX_LENGTH: usize = 2048;

    /// `/`.
    pub fn root() -> Self {
        Self("/".to_owned())
    }

    /// The path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for LocalPath {
    type Err = NotLocal;

    fn from_str(text: &str) -> Result<Self, NotLocal> {
        let harmless = |byte: u8| byte.is_ascii_graphic() && byte != b'\\';
        let local = text.starts_with('/') && !text.starts_with("//");
        if local && text.len() <= Self::MAX_LENGTH && text.bytes().all(harmless) {
            Ok(Self(text.to_owned()))
        } else {
            Err(NotLocal)
        }
    }
}

impl Default for LocalPath {
    /// [`LocalPath::root`].
    fn default() -> Self {
        Self::root()
    }
}

impl fmt::Display for LocalPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl IntoResponse for LocalPath {
    fn into_response(self) -> Response {
        Redirect::to(&self.0).into_response()
    }
}
