use serde_json::json;

use super::{
    CeremonyStart, PasskeyError, RelyingParty, UserHandle,
    authenticator_data::AuthenticatorData,
    base64url::encode,
    client_data::{self, GET},
    cose::PublicKey,
    response::{self, Assertion},
    state::{AuthenticationState, State},
};
use crate::passkey::PasskeyCredential;

/// A passkey as it is stored, and whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredCredential {
    /// [`NewCredential::credential_id`](super::NewCredential::credential_id).
    pub credential_id: Vec<u8>,
    /// [`NewCredential::public_key`](super::NewCredential::public_key).
    pub public_key: Vec<u8>,
    /// The signature counter of the last sign-in.
    pub sign_count: u32,
    /// The handle the passkey was registered with, [`UserHandle::for_user`] of its owner.
    pub user_handle: UserHandle,
}

/// Which passkey an answer claims to come from. Nothing is verified yet: this is for looking the passkey up.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClaimedCredential {
    /// The id to look up.
    pub credential_id: Vec<u8>,
    /// The handle the authenticator keeps for the account. Always there when the user was not known before.
    pub user_handle: Option<UserHandle>,
}

/// A sign-in that was proven.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Authentication {
    /// The passkey that answered, the one that was given as stored.
    pub credential_id: Vec<u8>,
    /// The counter to store. Store it only over a smaller one, or over 0 if it is 0: of two sign-ins at once with the
    /// same counter, one is a clone's.
    pub sign_count: u32,
    /// Whether the authenticator checked who its user is.
    pub user_verified: bool,
    /// Whether the passkey can be copied to other devices.
    pub backup_eligible: bool,
    /// Whether it has been.
    pub backed_up: bool,
}

impl From<&PasskeyCredential> for StoredCredential {
    /// A passkey that was registered under [`UserHandle::for_user`] of its owner.
    fn from(passkey: &PasskeyCredential) -> Self {
        Self {
            credential_id: passkey.credential_id.clone(),
            public_key: passkey.public_key.clone(),
            sign_count: passkey.sign_count,
            user_handle: UserHandle::for_user(&passkey.tenant_id, &passkey.user_id),
        }
    }
}

impl ClaimedCredential {
    /// Reads the claim out of `response`, the JSON text of `PublicKeyCredential.toJSON()`.
    ///
    /// # Errors
    /// [`PasskeyError::MalformedResponse`], [`PasskeyError::InvalidUserHandle`].
    pub fn from_response(response: &str) -> Result<Self, PasskeyError> {
        let (credential_id, mut response) = response::parse::<Assertion>(response)?;
        Ok(Self { credential_id, user_handle: take_user_handle(&mut response)? })
    }
}

impl RelyingParty {
    /// Starts a sign-in.
    ///
    /// With `None` the user is not known yet, and the person picks one of the passkeys the browser finds. `Some` names
    /// the ids of the passkeys of a known user. It tells whoever asks that the account exists and has passkeys (WebAuthn,
    /// section 14.6.2), and `Some(&[])` starts a ceremony that nothing can finish.
    ///
    /// # Errors
    /// [`PasskeyError::InvalidState`] if the state cannot be written as JSON.
    pub fn start_authentication(&self, allow: Option<&[Vec<u8>]>) -> Result<CeremonyStart, PasskeyError> {
        let state = AuthenticationState::new(self, allow);
        let allow: Vec<_> =
            allow.unwrap_or_default().iter().map(|id| json!({ "type": "public-key", "id": encode(id) })).collect();
        let options = json!({
            "challenge": state.challenge,
            "timeout": Self::TIMEOUT.num_milliseconds(),
            "rpId": self.id(),
            "allowCredentials": allow,
            "userVerification": state.user_verification,
        });
        Ok(CeremonyStart { options, state: State::Authentication(state).to_text()? })
    }

    /// Checks the browser's answer against the passkey it claims to come from (WebAuthn, section 7.2).
    ///
    /// Find `stored` by [`ClaimedCredential::from_response`], and consume `state` before calling this. `response` is
    /// the JSON text of `PublicKeyCredential.toJSON()`, at most 64 KiB.
    ///
    /// # Errors
    /// [`PasskeyError::InvalidState`], [`PasskeyError::MalformedResponse`], [`PasskeyError::InvalidPublicKey`] if
    /// `stored` was not made by [`finish_registration`](Self::finish_registration), or the check that failed.
    /// [`PasskeyError::CounterRegression`] comes only after everything else was right.
    pub fn finish_authentication(
        &self,
        state: &str,
        response: &str,
        stored: &StoredCredential,
    ) -> Result<Authentication, PasskeyError> {
        let state = AuthenticationState::parse(self, state)?;
        let (id, mut response) = response::parse::<Assertion>(response)?;

        let allowed = state.allow.as_ref().is_none_or(|allow| allow.iter().any(|allowed| allowed.0 == id));
        if !allowed || id != stored.credential_id {
            return Err(PasskeyError::CredentialNotAllowed);
        }
        match take_user_handle(&mut response)? {
            Some(handle) if handle == stored.user_handle => {}
            // An authenticator that was told which credential to use need not know the account.
            None if state.allow.is_some() => {}
            _ => return Err(PasskeyError::UserHandleMismatch),
        }

        let digest = client_data::verify(self, GET, &state.challenge.0, &response.client_data.0)?;
        let data = AuthenticatorData::parse(&response.authenticator_data.0)?;
        data.verify(self, state.user_verification)?;

        let message = [&response.authenticator_data.0, &digest[..]].concat();
        PublicKey::parse(&stored.public_key)?.verify(&message, &response.signature.0)?;

        let (received, stored) = (data.sign_count, stored.sign_count);
        if (received, stored) != (0, 0) && received <= stored {
            return Err(PasskeyError::CounterRegression { stored, received });
        }
        Ok(Authentication {
            credential_id: id,
            sign_count: received,
            user_verified: data.user_verified(),
            backup_eligible: data.backup_eligible(),
            backed_up: data.backed_up(),
        })
    }
}

/// Some client scripts write an absent handle as empty text.
fn take_user_handle(response: &mut Assertion) -> Result<Option<UserHandle>, PasskeyError> {
    response
        .user_handle
        .take()
        .filter(|handle| !handle.0.is_empty())
        .map(|handle| UserHandle::from_bytes(handle.0))
        .transpose()
}
