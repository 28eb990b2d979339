use serde::{Deserialize, Serialize};

use super::{PasskeyError, RelyingParty, UserHandle, UserVerification, base64url::Base64Url};

/// What the second half of a ceremony has to know of the first.
#[derive(Serialize, Deserialize)]
#[serde(tag = "ceremony", rename_all = "snake_case")]
pub(super) enum State {
    Registration(RegistrationState),
    Authentication(AuthenticationState),
}

#[derive(Serialize, Deserialize)]
pub(super) struct RegistrationState {
    rp_id: String,
    pub(super) challenge: Base64Url,
    pub(super) user_verification: UserVerification,
    pub(super) user_handle: Base64Url,
}

#[derive(Serialize, Deserialize)]
pub(super) struct AuthenticationState {
    rp_id: String,
    pub(super) challenge: Base64Url,
    pub(super) user_verification: UserVerification,
    /// `None`: the user was not known, any discoverable credential may answer.
    pub(super) allow: Option<Vec<Base64Url>>,
}

impl RegistrationState {
    pub(super) fn new(rp: &RelyingParty, user: &UserHandle) -> Self {
        Self {
            rp_id: rp.id().to_owned(),
            challenge: new_challenge(),
            user_verification: rp.user_verification(),
            user_handle: Base64Url(user.as_bytes().to_vec()),
        }
    }

    pub(super) fn parse(rp: &RelyingParty, text: &str) -> Result<Self, PasskeyError> {
        match State::parse(text)? {
            State::Registration(state) if state.rp_id == rp.id() => Ok(state),
            _ => Err(PasskeyError::InvalidState { source: None }),
        }
    }
}

impl AuthenticationState {
    pub(super) fn new(rp: &RelyingParty, allow: Option<&[Vec<u8>]>) -> Self {
        Self {
            rp_id: rp.id().to_owned(),
            challenge: new_challenge(),
            user_verification: rp.user_verification(),
            allow: allow.map(|ids| ids.iter().cloned().map(Base64Url).collect()),
        }
    }

    pub(super) fn parse(rp: &RelyingParty, text: &str) -> Result<Self, PasskeyError> {
        match State::parse(text)? {
            State::Authentication(state) if state.rp_id == rp.id() => Ok(state),
            _ => Err(PasskeyError::InvalidState { source: None }),
        }
    }
}

impl State {
    pub(super) fn to_text(&self) -> Result<String, PasskeyError> {
        serde_json::to_string(self).map_err(|source| PasskeyError::InvalidState { source: Some(source) })
    }

    fn parse(text: &str) -> Result<Self, PasskeyError> {
        serde_json::from_str(text).map_err(|source| PasskeyError::InvalidState { source: Some(source) })
    }
}

/// 32 random bytes; section 13.4.3 asks for 16 at least.
fn new_challenge() -> Base64Url {
    let mut challenge = vec![0; 32];
    crate::random::fill(&mut challenge);
    Base64Url(challenge)
}
