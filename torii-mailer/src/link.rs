//! Links that carry a token.

use thiserror::Error;
use url::{Position, Url, form_urlencoded};

use crate::MailerError;

#[cfg(test)]
mod tests;

/// Why an address cannot be the base of a link.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LinkError {
    /// Not an absolute URL.
    #[error("the link base is not an absolute URL")]
    NotAbsolute(#[source] url::ParseError),
    /// No `//` or path after the scheme, as in `mailto:`.
    #[error("the link base has no place for a path and a query")]
    NotHierarchical,
    /// A scheme that runs code or shows its own content instead of leading somewhere.
    #[error("the link base has the scheme {0}, which is not allowed in mails")]
    Scheme(String),
}

/// Appends `token` to `base` as the query parameter `token`.
///
/// Trailing slashes of the path are dropped, a query is kept and extended, a fragment stays at the end, and the token is
/// percent-encoded. Schemes other than `https` are fine, so that a link can open a native application.
///
/// ```
/// use torii_mailer::link_with_token;
///
/// # fn main() -> Result<(), torii_mailer::MailerError> {
/// assert_eq!(link_with_token("https://app.example/", "T")?, "https://app.example?token=T");
/// assert_eq!(link_with_token("https://app.example/in?a=1", "T")?, "https://app.example/in?a=1&token=T");
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// [`MailerError::Link`] if `base` is not an absolute, hierarchical URL ([RFC 3986 section 1.2.3]), or if its scheme is
/// `javascript`, `vbscript` or `data`.
///
/// [RFC 3986 section 1.2.3]: https://www.rfc-editor.org/rfc/rfc3986#section-1.2.3
pub fn link_with_token(base: &str, token: &str) -> Result<String, MailerError> {
    let url = Url::parse(base).map_err(LinkError::NotAbsolute)?;
    if matches!(url.scheme(), "javascript" | "vbscript" | "data") {
        return Err(LinkError::Scheme(url.scheme().to_owned()).into());
    }
    if url.cannot_be_a_base() {
        return Err(LinkError::NotHierarchical.into());
    }

    // Put together by hand, because `Url` always writes the path of an https address with a slash.
    let mut link = url[..Position::BeforePath].to_owned();
    let path = url.path().trim_end_matches('/');
    link.push_str(if path.is_empty() && !url.has_authority() { "/" } else { path });
    link.push('?');
    if let Some(query) = url.query().filter(|query| !query.is_empty()) {
        link.push_str(query.trim_end_matches('&'));
        link.push('&');
    }
    link.push_str("token=");
    // Form encoding writes a blank as "+", which is a plus sign to whoever decodes percent signs only.
    for piece in form_urlencoded::byte_serialize(token.as_bytes()) {
        link.push_str(if piece == "+" { "%20" } else { piece });
    }
    if let Some(fragment) = url.fragment() {
        link.push('#');
        link.push_str(fragment);
    }
    Ok(link)
}
