use minicbor::{Decoder, data::Type};

use super::{PasskeyError, RelyingParty, UserVerification, cose::PublicKey};

const PART: &str = "authenticator data";

/// What an authenticator says, and signs (WebAuthn, section 6.1).
pub(super) struct AuthenticatorData<'a> {
    rp_id_hash: &'a [u8; 32],
    flags: u8,
    pub(super) sign_count: u32,
    pub(super) attested: Option<AttestedCredential<'a>>,
}

/// The credential that was made (section 6.5.2).
pub(super) struct AttestedCredential<'a> {
    pub(super) aaguid: [u8; 16],
    pub(super) credential_id: &'a [u8],
    /// As it came: one `COSE_Key`.
    pub(super) public_key: &'a [u8],
}

impl<'a> AuthenticatorData<'a> {
    const USER_PRESENT: u8 = 1;
    const USER_VERIFIED: u8 = 1 << 2;
    const BACKUP_ELIGIBLE: u8 = 1 << 3;
    const BACKED_UP: u8 = 1 << 4;
    const ATTESTED: u8 = 1 << 6;
    const EXTENSIONS: u8 = 1 << 7;

    /// Reads all of `bytes`; leftovers are an error.
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, PasskeyError> {
        let malformed = || PasskeyError::malformed(PART);
        let (rp_id_hash, rest) = bytes.split_first_chunk().ok_or_else(malformed)?;
        let (&[flags], rest) = rest.split_first_chunk().ok_or_else(malformed)?;
        let (sign_count, mut rest) = rest.split_first_chunk().ok_or_else(malformed)?;

        let mut attested = None;
        if flags & Self::ATTESTED != 0 {
            let (credential, after) = AttestedCredential::parse(rest)?;
            attested = Some(credential);
            rest = after;
        }
        if flags & Self::EXTENSIONS != 0 {
            rest = skip_extensions(rest)?;
        }
        if !rest.is_empty() {
            return Err(malformed());
        }
        Ok(Self { rp_id_hash, flags, sign_count: u32::from_be_bytes(*sign_count), attested })
    }

    /// The checks that both ceremonies share: section 7.1 steps 14 to 17, section 7.2 steps 15 to 18.
    pub(super) fn verify(&self, rp: &RelyingParty, user_verification: UserVerification) -> Result<(), PasskeyError> {
        if self.rp_id_hash != rp.id_hash() {
            return Err(PasskeyError::RpIdMismatch);
        }
        if !self.has(Self::USER_PRESENT) {
            return Err(PasskeyError::UserNotPresent);
        }
        if user_verification == UserVerification::Required && !self.user_verified() {
            return Err(PasskeyError::UserNotVerified);
        }
        if self.backed_up() && !self.backup_eligible() {
            return Err(PasskeyError::InvalidBackupFlags);
        }
        Ok(())
    }

    pub(super) fn user_verified(&self) -> bool {
        self.has(Self::USER_VERIFIED)
    }

    pub(super) fn backup_eligible(&self) -> bool {
        self.has(Self::BACKUP_ELIGIBLE)
    }

    pub(super) fn backed_up(&self) -> bool {
        self.has(Self::BACKED_UP)
    }

    fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

impl<'a> AttestedCredential<'a> {
    /// The longest credential id, in bytes (section 7.1 step 24).
    const MAX_ID_LENGTH: usize = 1023;

    /// Reads a credential from the front of `bytes` and gives what follows it.
    fn parse(bytes: &'a [u8]) -> Result<(Self, &'a [u8]), PasskeyError> {
        let malformed = || PasskeyError::malformed(PART);
        let (aaguid, rest) = bytes.split_first_chunk().ok_or_else(malformed)?;
        let (length, rest) = rest.split_first_chunk().ok_or_else(malformed)?;
        let length = usize::from(u16::from_be_bytes(*length));
        if !(1..=Self::MAX_ID_LENGTH).contains(&length) {
            return Err(malformed());
        }
        let (credential_id, rest) = rest.split_at_checked(length).ok_or_else(malformed)?;
        let (_, key_length) = PublicKey::parse_prefix(rest)?;
        let (public_key, rest) = rest.split_at_checked(key_length).ok_or_else(malformed)?;
        Ok((Self { aaguid: *aaguid, credential_id, public_key }, rest))
    }
}

/// Extension outputs are one CBOR map (section 6.1). None is asked for, so none is read.
fn skip_extensions(bytes: &[u8]) -> Result<&[u8], PasskeyError> {
    let unreadable = |source| PasskeyError::unreadable(PART, source);
    let mut decoder = Decoder::new(bytes);
    if !matches!(decoder.datatype().map_err(unreadable)?, Type::Map | Type::MapIndef) {
        return Err(PasskeyError::malformed(PART));
    }
    decoder.skip().map_err(unreadable)?;
    bytes.get(decoder.position()..).ok_or_else(|| PasskeyError::malformed(PART))
}
