use minicbor::{Decoder, data::Type, decode::Error as CborError};
use serde_json::json;

use super::{
    CeremonyStart, PasskeyError, RelyingParty, UserHandle,
    authenticator_data::AuthenticatorData,
    base64url::encode,
    client_data::{self, CREATE},
    cose::ALGORITHMS,
    response::{self, Attestation},
    state::{RegistrationState, State},
};

/// A passkey that was just made and may be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NewCredential {
    /// 1 to 1023 bytes. The storage must refuse an id that it already holds for any user (WebAuthn, section 7.1 step
    /// 25).
    pub credential_id: Vec<u8>,
    /// One `COSE_Key` in CBOR, as the authenticator sent it.
    pub public_key: Vec<u8>,
    /// The signature counter; many authenticators leave it at 0 for ever.
    pub sign_count: u32,
    /// Whether the authenticator checked who its user is.
    pub user_verified: bool,
    /// Whether the passkey can be copied to other devices, by a password manager for example.
    pub backup_eligible: bool,
    /// Whether it has been.
    pub backed_up: bool,
    /// The authenticator's model, zeroes if it does not tell. Nothing proves it: good for a default name, not for a
    /// decision.
    pub aaguid: [u8; 16],
}

impl RelyingParty {
    /// Starts the creation of a passkey for a user who is signed in already.
    ///
    /// `user_name` tells the account from others of the same person (an e-mail address), `display_name` is for people;
    /// both are shown by the browser and kept by the authenticator. `exclude` are the ids of the passkeys the user
    /// already has, so that an authenticator does not get a second one.
    ///
    /// # Errors
    /// [`PasskeyError::InvalidState`] if the state cannot be written as JSON.
    pub fn start_registration(
        &self,
        user: &UserHandle,
        user_name: &str,
        display_name: &str,
        exclude: &[Vec<u8>],
    ) -> Result<CeremonyStart, PasskeyError> {
        let state = RegistrationState::new(self, user);
        let parameters: Vec<_> = ALGORITHMS.iter().map(|alg| json!({ "type": "public-key", "alg": alg })).collect();
        let exclude: Vec<_> = exclude.iter().map(|id| json!({ "type": "public-key", "id": encode(id) })).collect();
        let options = json!({
            "rp": { "id": self.id(), "name": self.name() },
            "user": { "id": encode(user.as_bytes()), "name": user_name, "displayName": display_name },
            "challenge": state.challenge,
            "pubKeyCredParams": parameters,
            "timeout": Self::TIMEOUT.num_milliseconds(),
            "excludeCredentials": exclude,
            "authenticatorSelection": {
                "residentKey": "required",
                "requireResidentKey": true,
                "userVerification": state.user_verification,
            },
            "attestation": "none",
        });
        Ok(CeremonyStart { options, state: State::Registration(state).to_text()? })
    }

    /// Checks the browser's answer (WebAuthn, section 7.1) and gives the passkey to store for `user`.
    ///
    /// `user` is who is signed in now, and must be who the ceremony was started for. `response` is the JSON text of
    /// `PublicKeyCredential.toJSON()`, at most 64 KiB. Consume `state` before calling this.
    ///
    /// # Errors
    /// [`PasskeyError::InvalidState`], [`PasskeyError::MalformedResponse`], or the check that failed.
    pub fn finish_registration(
        &self,
        user: &UserHandle,
        state: &str,
        response: &str,
    ) -> Result<NewCredential, PasskeyError> {
        let state = RegistrationState::parse(self, state)?;
        if state.user_handle.0 != user.as_bytes() {
            return Err(PasskeyError::UserHandleMismatch);
        }
        let (id, response) = response::parse::<Attestation>(response)?;
        client_data::verify(self, CREATE, &state.challenge.0, &response.client_data.0)?;

        let bytes = authenticator_data_of(&response.attestation_object.0)?;
        let data = AuthenticatorData::parse(bytes)?;
        data.verify(self, state.user_verification)?;
        let Some(credential) = &data.attested else {
            return Err(PasskeyError::malformed("attested credential"));
        };
        if credential.credential_id != id {
            return Err(PasskeyError::malformed("id"));
        }
        Ok(NewCredential {
            credential_id: id,
            public_key: credential.public_key.to_vec(),
            sign_count: data.sign_count,
            user_verified: data.user_verified(),
            backup_eligible: data.backup_eligible(),
            backed_up: data.backed_up(),
            aaguid: credential.aaguid,
        })
    }
}

/// Takes the authenticator data out of an attestation object (section 6.5.4). Format and statement must be there and
/// are passed over, see the module's documentation.
fn authenticator_data_of(object: &[u8]) -> Result<&[u8], PasskeyError> {
    const PART: &str = "attestation object";
    let unreadable = |source: CborError| PasskeyError::unreadable(PART, source);

    let mut decoder = Decoder::new(object);
    let entries = decoder.map().map_err(unreadable)?.ok_or(PasskeyError::malformed(PART))?;
    let (mut format, mut statement, mut data) = (None, None, None);
    for _ in 0..entries {
        let repeated = match decoder.str().map_err(unreadable)? {
            "fmt" => format.replace(decoder.str().map_err(unreadable)?).is_some(),
            "attStmt" => {
                if !matches!(decoder.datatype().map_err(unreadable)?, Type::Map | Type::MapIndef) {
                    return Err(PasskeyError::malformed(PART));
                }
                statement.replace(decoder.skip().map_err(unreadable)?).is_some()
            }
            "authData" => data.replace(decoder.bytes().map_err(unreadable)?).is_some(),
            _ => {
                decoder.skip().map_err(unreadable)?;
                false
            }
        };
        if repeated {
            return Err(PasskeyError::malformed(PART));
        }
    }
    match (format, statement, data) {
        (Some(_), Some(()), Some(data)) if decoder.position() == object.len() => Ok(data),
        _ => Err(PasskeyError::malformed(PART)),
    }
}
