use std::fmt;

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use url::{Host, Url};

use super::PasskeyError;

/// Who asks for passkeys: a domain, and the origins under it on which they may be used.
///
/// Build it once and keep it; it holds no secret. Passkeys are bound to the id for ever: changing it orphans them all.
#[derive(Clone, Debug)]
pub struct RelyingParty {
    id: String,
    id_hash: [u8; 32],
    name: String,
    origins: Vec<String>,
    user_verification: UserVerification,
}

/// Whether the authenticator has to check who its user is, by PIN or biometrics (WebAuthn, section 5.8.6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UserVerification {
    /// An answer without it is refused, which makes a passkey two factors in one.
    #[default]
    Required,
    /// It is asked for, and an answer without it is accepted: whoever holds the authenticator can sign in.
    Preferred,
}

/// The first half of a ceremony. `Debug` does not show it: the challenge is in it.
#[derive(Clone)]
pub struct CeremonyStart {
    /// For the browser: `PublicKeyCredentialCreationOptionsJSON` or `PublicKeyCredentialRequestOptionsJSON`, as
    /// `PublicKeyCredential.parseCreationOptionsFromJSON()` and `parseRequestOptionsFromJSON()` take it.
    pub options: serde_json::Value,
    /// For the second half: opaque text, to be stored for [`RelyingParty::TIMEOUT`] and consumed once.
    pub state: String,
}

impl fmt::Debug for CeremonyStart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CeremonyStart").finish_non_exhaustive()
    }
}

impl RelyingParty {
    /// How long a ceremony may take: 5 minutes, the value section 15.1 of WebAuthn recommends.
    pub const TIMEOUT: TimeDelta = TimeDelta::minutes(5);

    /// A relying party that requires user verification.
    ///
    /// `rp_id` is a domain name (`"example.com"`), `origins` are what browsers will report (`"https://example.com"`,
    /// `"https://app.example.com:8443"`, `"http://localhost:3000"`), `name` is shown to people.
    ///
    /// # Errors
    /// [`PasskeyError::InvalidRpId`], [`PasskeyError::InvalidOrigin`], [`PasskeyError::OriginOutsideRpId`],
    /// [`PasskeyError::NoOrigin`].
    pub fn new(
        rp_id: &str,
        origins: impl IntoIterator<Item = impl AsRef<str>>,
        name: &str,
    ) -> Result<Self, PasskeyError> {
        if !is_domain(rp_id) {
            return Err(PasskeyError::InvalidRpId { rp_id: rp_id.to_owned() });
        }
        let origins =
            origins.into_iter().map(|origin| check_origin(origin.as_ref(), rp_id)).collect::<Result<Vec<_>, _>>()?;
        if origins.is_empty() {
            return Err(PasskeyError::NoOrigin);
        }
        Ok(Self {
            id: rp_id.to_owned(),
            id_hash: Sha256::digest(rp_id).into(),
            name: name.to_owned(),
            origins,
            user_verification: UserVerification::Required,
        })
    }

    /// The same relying party with another demand on user verification, for ceremonies that start from now on.
    #[must_use]
    pub fn with_user_verification(mut self, user_verification: UserVerification) -> Self {
        self.user_verification = user_verification;
        self
    }

    /// The domain that passkeys are bound to.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The name that people see.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The origins that are accepted, as browsers write them.
    pub fn origins(&self) -> impl Iterator<Item = &str> {
        self.origins.iter().map(String::as_str)
    }

    /// What is demanded of new ceremonies.
    pub fn user_verification(&self) -> UserVerification {
        self.user_verification
    }

    pub(super) fn id_hash(&self) -> &[u8; 32] {
        &self.id_hash
    }

    pub(super) fn allows_origin(&self, origin: &str) -> bool {
        self.origins.iter().any(|allowed| allowed == origin)
    }
}

fn is_domain(text: &str) -> bool {
    text.len() <= 253 && !text.ends_with('.') && matches!(Host::parse(text), Ok(Host::Domain(domain)) if domain == text)
}

/// Gives the origin as browsers write it (RFC 6454, section 6.2), after the checks of sections 5.1.2 and 13.4.9.
fn check_origin(text: &str, rp_id: &str) -> Result<String, PasskeyError> {
    let invalid = |source| PasskeyError::InvalidOrigin { origin: text.to_owned(), source };
    let url = Url::parse(text).map_err(|source| invalid(Some(source)))?;
    let Some(Host::Domain(host)) = url.host() else {
        return Err(invalid(None));
    };
    let trustworthy = match url.scheme() {
        "https" => true,
        "http" => is_below(host, "localhost"),
        _ => false,
    };
    let nothing_else = url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    if !trustworthy || !nothing_else {
        return Err(invalid(None));
    }
    // A name without a dot is a top-level domain, or a host of a local network: never the parent of anybody's site.
    let inside = host == rp_id || (rp_id.contains('.') && is_below(host, rp_id));
    if !inside {
        return Err(PasskeyError::OriginOutsideRpId { origin: text.to_owned(), rp_id: rp_id.to_owned() });
    }
    Ok(url.origin().ascii_serialization())
}

fn is_below(host: &str, parent: &str) -> bool {
    host.strip_suffix(parent).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}
