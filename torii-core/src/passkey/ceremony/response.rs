use serde::{Deserialize, de::DeserializeOwned};

use super::{PasskeyError, base64url::Base64Url};

/// The longest answer that is read, in bytes. Real ones have a few kilobytes; the longest credential id has 1023 bytes.
const MAX_LENGTH: usize = 64 * 1024;

/// What `PublicKeyCredential.toJSON()` gives (WebAuthn, section 5.1): `RegistrationResponseJSON` or
/// `AuthenticationResponseJSON`. Fields that are not needed are not read.
#[derive(Deserialize)]
pub(super) struct Response<R> {
    id: Base64Url,
    #[serde(rename = "rawId")]
    raw_id: Base64Url,
    #[serde(rename = "type")]
    kind: String,
    response: R,
}

#[derive(Deserialize)]
pub(super) struct Attestation {
    #[serde(rename = "clientDataJSON")]
    pub(super) client_data: Base64Url,
    #[serde(rename = "attestationObject")]
    pub(super) attestation_object: Base64Url,
}

#[derive(Deserialize)]
pub(super) struct Assertion {
    #[serde(rename = "clientDataJSON")]
    pub(super) client_data: Base64Url,
    #[serde(rename = "authenticatorData")]
    pub(super) authenticator_data: Base64Url,
    pub(super) signature: Base64Url,
    #[serde(rename = "userHandle")]
    pub(super) user_handle: Option<Base64Url>,
}

/// Reads an answer: the credential id, and what belongs to its kind.
pub(super) fn parse<R: DeserializeOwned>(text: &str) -> Result<(Vec<u8>, R), PasskeyError> {
    const PART: &str = "JSON";

    if text.len() > MAX_LENGTH {
        return Err(PasskeyError::malformed(PART));
    }
    let response: Response<R> = serde_json::from_str(text).map_err(|source| PasskeyError::unreadable(PART, source))?;
    if response.kind != "public-key" {
        return Err(PasskeyError::malformed("type"));
    }
    if response.id != response.raw_id {
        return Err(PasskeyError::malformed("id"));
    }
    Ok((response.raw_id.0, response.response))
}
