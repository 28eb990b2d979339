use serde::{Deserialize, de::IgnoredAny};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::{PasskeyError, RelyingParty, base64url};

pub(super) const CREATE: &str = "webauthn.create";
pub(super) const GET: &str = "webauthn.get";

/// `CollectedClientData` (WebAuthn, section 5.8.1). Unknown members are ignored, as that section demands.
#[derive(Deserialize)]
struct ClientData {
    #[serde(rename = "type")]
    kind: String,
    challenge: String,
    origin: String,
    #[serde(rename = "crossOrigin", default)]
    cross_origin: Option<bool>,
    #[serde(rename = "topOrigin", default)]
    top_origin: Option<IgnoredAny>,
}

/// Checks what the browser says about itself (section 7.1 steps 5 to 12, section 7.2 steps 8 to 14 and 20) and gives
/// the SHA-256 digest that the authenticator signs.
pub(super) fn verify(rp: &RelyingParty, kind: &str, challenge: &[u8], json: &[u8]) -> Result<[u8; 32], PasskeyError> {
    // "UTF-8 decode" takes a byte order mark away; the digest is over the bytes as they came.
    let text = json.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(json);
    let data: ClientData =
        serde_json::from_slice(text).map_err(|source| PasskeyError::unreadable("client data", source))?;

    if data.kind != kind {
        return Err(PasskeyError::WrongType);
    }
    let expected = base64url::encode(challenge);
    if !bool::from(expected.as_bytes().ct_eq(data.challenge.as_bytes())) {
        return Err(PasskeyError::ChallengeMismatch);
    }
    if !rp.allows_origin(&data.origin) {
        let origin = data.origin.chars().take(256).collect();
        return Err(PasskeyError::OriginNotAllowed { origin });
    }
    if data.cross_origin == Some(true) || data.top_origin.is_some() {
        return Err(PasskeyError::CrossOrigin);
    }
    Ok(Sha256::digest(json).into())
}
