use std::error::Error as StdError;

use thiserror::Error;

/// Why a relying party could not be set up, or why a ceremony was refused.
///
/// Section numbers are those of [Web Authentication Level 3](https://www.w3.org/TR/webauthn-3/). A person who signs in
/// should see one and the same message for all of them.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PasskeyError {
    /// The relying party id is not a domain name in its lower-case ASCII form (section 5.1.2).
    #[error("{rp_id:?} is not a lower-case domain name, and only those can be a relying party id")]
    InvalidRpId {
        /// What was given.
        rp_id: String,
    },
    /// Text that is not an origin passkeys can be used on: `https` with a domain name, or `http` on localhost, and
    /// nothing after the port.
    #[error("{origin:?} is not an https origin, nor an http origin on localhost")]
    InvalidOrigin {
        /// What was given.
        origin: String,
        /// Why it is not a URL, if it is none.
        #[source]
        source: Option<url::ParseError>,
    },
    /// The origin's host is neither the relying party id nor below it, so no browser would use the passkey there
    /// (section 13.4.9).
    #[error("the origin {origin:?} is outside the relying party id {rp_id:?}")]
    OriginOutsideRpId {
        /// The origin.
        origin: String,
        /// The relying party id.
        rp_id: String,
    },
    /// No origin was given.
    #[error("a relying party needs at least one origin")]
    NoOrigin,
    /// A user handle is 1 to 64 bytes (section 5.4.3).
    #[error("a user handle has 1 to 64 bytes, not {length}")]
    InvalidUserHandle {
        /// The length in bytes.
        length: usize,
    },

    /// The stored state cannot be read, or belongs to the other ceremony or to another relying party id.
    #[error("the state of the ceremony is not usable")]
    InvalidState {
        /// Why it cannot be read.
        #[source]
        source: Option<serde_json::Error>,
    },
    /// A part of the browser's answer cannot be read.
    #[error("the {part} of the passkey response is malformed")]
    MalformedResponse {
        /// Which part.
        part: &'static str,
        /// Why it cannot be read, if a parser said so.
        #[source]
        source: Option<Box<dyn StdError + Send + Sync>>,
    },

    /// The answer is to the other kind of ceremony (sections 7.1 step 7, 7.2 step 10).
    #[error("the response is for another kind of ceremony")]
    WrongType,
    /// The answer is not to this challenge (sections 7.1 step 8, 7.2 step 11).
    #[error("the response is not to this challenge")]
    ChallengeMismatch,
    /// The answer was made on an origin that is not in the list (sections 7.1 step 9, 7.2 step 12).
    #[error("the origin {origin:?} is not allowed")]
    OriginNotAllowed {
        /// The origin as the browser told it, cut to 256 characters.
        origin: String,
    },
    /// The answer was made inside a frame of another site (sections 7.1 steps 10 and 11, 7.2 steps 13 and 14).
    #[error("the response comes from a cross-origin frame")]
    CrossOrigin,
    /// The authenticator answered for another relying party id (sections 7.1 step 14, 7.2 step 15).
    #[error("the response is for another relying party id")]
    RpIdMismatch,
    /// Nobody touched the authenticator (sections 7.1 step 15, 7.2 step 16).
    #[error("the authenticator did not see a user")]
    UserNotPresent,
    /// The authenticator did not check who it was, by PIN or biometrics (sections 7.1 step 16, 7.2 step 17).
    #[error("the authenticator did not verify the user")]
    UserNotVerified,
    /// The credential claims to be backed up but not to be eligible for it (sections 7.1 step 17, 7.2 step 18).
    #[error("the authenticator's backup flags contradict each other")]
    InvalidBackupFlags,
    /// The public key is for an algorithm that was not offered (section 7.1 step 20).
    #[error("the COSE algorithm {algorithm} is not supported")]
    UnsupportedAlgorithm {
        /// The identifier in the [IANA registry](https://www.iana.org/assignments/cose/cose.xhtml#algorithms).
        algorithm: i64,
    },
    /// The bytes are not a public key in `COSE_Key` form.
    #[error("the public key of the passkey is not usable")]
    InvalidPublicKey {
        /// What a parser said.
        #[source]
        source: Option<Box<dyn StdError + Send + Sync>>,
    },
    /// The credential is not one of those that may answer, or not the one it was looked up as (section 7.2 steps 5
    /// and 6).
    #[error("the passkey is not one of those allowed to answer")]
    CredentialNotAllowed,
    /// The answer, the state and the credential do not belong to the same user (section 7.2 step 6).
    #[error("the passkey belongs to another user")]
    UserHandleMismatch,
    /// The signature is wrong (section 7.2 step 21).
    #[error("the signature of the passkey response is wrong")]
    InvalidSignature,
    /// The signature counter did not grow (sections 6.1.1, 7.2 step 22): the private key may exist twice.
    #[error("the signature counter went from {stored} to {received}: the passkey may have been cloned")]
    CounterRegression {
        /// The counter of the last sign-in.
        stored: u32,
        /// The counter in this answer.
        received: u32,
    },
}

impl PasskeyError {
    /// A part that breaks its format where no parser is there to say so.
    pub(super) fn malformed(part: &'static str) -> Self {
        Self::MalformedResponse { part, source: None }
    }

    /// A part that its parser refused.
    pub(super) fn unreadable(part: &'static str, source: impl StdError + Send + Sync + 'static) -> Self {
        Self::MalformedResponse { part, source: Some(Box::new(source)) }
    }
}
