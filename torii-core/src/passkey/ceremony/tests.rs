//! Ceremonies against a software authenticator that makes real signatures, and against the vectors of the standard.

use serde_json::Value;

use self::authenticator::{KeyAlgorithm, SoftAuthenticator};
use super::{NewCredential, PasskeyError, RelyingParty, StoredCredential, UserHandle};
use crate::{tenant::TenantId, user::UserId};

// The test kit depends on this crate, so the file is shared, not the crate.
#[allow(dead_code, unreachable_pub, reason = "a public module of the test kit")]
#[path = "../../../../torii-testkit/src/authenticator.rs"]
mod authenticator;

mod authentication;
mod cose;
mod format;
mod hostile_input;
mod registration;
mod relying_party;
mod user_handle;
mod w3c_vectors;

const ORIGIN: &str = "https://app.example.com";

fn rp() -> RelyingParty {
    RelyingParty::new("example.com", [ORIGIN], "Example").unwrap()
}

fn john() -> UserHandle {
    UserHandle::for_user(&TenantId::from_static("acme"), &UserId::new("usr_john"))
}

fn jane() -> UserHandle {
    UserHandle::for_user(&TenantId::from_static("acme"), &UserId::new("usr_jane"))
}

/// John makes a passkey, and it is stored.
fn register(rp: &RelyingParty, device: &mut SoftAuthenticator) -> StoredCredential {
    let start = rp.start_registration(&john(), "john@example.com", "John", &[]).unwrap();
    let response = device.register(&start.options, ORIGIN);
    let NewCredential { credential_id, public_key, sign_count, .. } =
        rp.finish_registration(&john(), &start.state, &response).unwrap();
    StoredCredential { credential_id, public_key, sign_count, user_handle: john() }
}

/// The challenge inside options or a state.
fn challenge(json: &Value) -> Vec<u8> {
    serde_json::from_value::<super::base64url::Base64Url>(json["challenge"].clone()).unwrap().0
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}
