//! WebAuthn ceremonies: creating a passkey, and signing in with it.
//!
//! This is the part of [Web Authentication Level 3](https://www.w3.org/TR/webauthn-3/) that a relying party has to do
//! itself (section 7), without storage and without a clock. Each ceremony has two halves:
//!
//! 1. `start_*` makes a fresh challenge. Its [`options`](CeremonyStart::options) go to the browser, its
//!    [`state`](CeremonyStart::state) is stored under an unguessable challenge id for [`RelyingParty::TIMEOUT`].
//! 2. `finish_*` takes that state and the browser's answer. The caller **consumes** the stored state first, with one
//!    statement whose row count decides, whatever the outcome is then: a state that is used twice makes a recorded
//!    answer valid twice.
//!
//! ```
//! use torii_core::passkey::ceremony::{RelyingParty, UserHandle};
//! use torii_core::{TenantId, UserId};
//!
//! let rp = RelyingParty::new("example.com", ["https://app.example.com"], "Example")?;
//! let handle = UserHandle::for_user(&TenantId::default_tenant(), &UserId::new_random());
//!
//! let start = rp.start_registration(&handle, "john@example.com", "John", &[])?;
//! // start.options -> PublicKeyCredential.parseCreationOptionsFromJSON(..)
//! // start.state   -> the table of challenges
//! assert!(rp.finish_registration(&handle, &start.state, "{}").is_err());
//! # Ok::<(), torii_core::passkey::ceremony::PasskeyError>(())
//! ```
//!
//! # What is stored
//!
//! [`NewCredential::public_key`] is the credential public key exactly as the authenticator sent it: one `COSE_Key`
//! ([RFC 9052, section 7](https://www.rfc-editor.org/rfc/rfc9052#section-7)) in CBOR, which every WebAuthn library can
//! read. The signature counter is a value beside it, never inside it.
//!
//! # What is not looked at
//!
//! Attestation. It is not asked for, and a statement that comes anyway proves nothing here (section 7.1, the note to
//! step 23): the credential counts as one without attestation, so no certificate is ever parsed.

mod authentication;
mod authenticator_data;
mod base64url;
mod client_data;
mod cose;
mod error;
mod registration;
mod relying_party;
mod response;
mod state;
#[cfg(test)]
mod tests;
mod user_handle;

pub use authentication::{Authentication, ClaimedCredential, StoredCredential};
pub use error::PasskeyError;
pub use registration::NewCredential;
pub use relying_party::{CeremonyStart, RelyingParty, UserVerification};
pub use user_handle::UserHandle;
