//! What an attacker can send is refused with an error, never with a panic.

use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::Value;

use super::{ORIGIN, PasskeyError, SoftAuthenticator, StoredCredential, john, json, register, rp};
use crate::passkey::ceremony::{
    ClaimedCredential, authenticator_data::AuthenticatorData, base64url::Base64Url, base64url::encode, cose::PublicKey,
};

/// A state and a good answer to it.
struct Ceremony {
    state: String,
    response: Value,
}

static REGISTRATION: LazyLock<Ceremony> = LazyLock::new(|| {
    let start = rp().start_registration(&john(), "john", "John", &[]).unwrap();
    let response = json(&SoftAuthenticator::default().register(&start.options, ORIGIN));
    Ceremony { state: start.state, response }
});

static AUTHENTICATION: LazyLock<(Ceremony, StoredCredential)> = LazyLock::new(|| {
    let mut device = SoftAuthenticator::default();
    let stored = register(&rp(), &mut device);
    let start = rp().start_authentication(None).unwrap();
    let response = json(&device.authenticate(&start.options, ORIGIN));
    (Ceremony { state: start.state, response }, stored)
});

fn finish_registration(state: &str, response: &str) -> bool {
    rp().finish_registration(&john(), state, response).is_ok()
}

fn finish_authentication(state: &str, response: &str) -> bool {
    rp().finish_authentication(state, response, &AUTHENTICATION.1).is_ok()
}

/// The answer with the bytes of one member changed.
fn changed(response: &Value, member: &str, change: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut response = response.clone();
    let value = &mut response["response"][member];
    let Base64Url(mut bytes) = serde_json::from_value(value.take()).unwrap();
    change(&mut bytes);
    *value = encode(&bytes).into();
    response.to_string()
}

#[test]
fn the_answers_are_good_before_they_are_changed() {
    assert!(finish_registration(&REGISTRATION.state, &REGISTRATION.response.to_string()));
    let (ceremony, _) = &*AUTHENTICATION;
    assert!(finish_authentication(&ceremony.state, &ceremony.response.to_string()));
}

#[test]
fn an_answer_longer_than_64_kib_is_not_read() {
    let mut response = REGISTRATION.response.clone();
    response["padding"] = "x".repeat(64 * 1024).into();
    let refused = rp().finish_registration(&john(), &REGISTRATION.state, &response.to_string());
    assert!(matches!(refused, Err(PasskeyError::MalformedResponse { part: "JSON", .. })));
}

#[test]
fn members_that_come_twice_are_refused() {
    let text = AUTHENTICATION.0.response.to_string();
    let twice = text.replacen("\"type\":", "\"type\":\"public-key\",\"type\":", 1);
    assert_ne!(text, twice);
    assert!(!finish_authentication(&AUTHENTICATION.0.state, &twice));
}

#[test]
fn deep_nesting_is_refused() {
    let deep = "[".repeat(30_000);
    assert!(!finish_registration(&REGISTRATION.state, &format!("{{\"id\":{deep}")));
    // In CBOR: 30 000 arrays of one element each, where the attestation statement should be.
    let response = changed(&REGISTRATION.response, "attestationObject", |bytes| {
        let at = bytes.windows(7).position(|window| window == b"attStmt").unwrap() + 7;
        bytes.splice(at..=at, std::iter::repeat_n(0x81, 30_000));
    });
    assert!(!finish_registration(&REGISTRATION.state, &response));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_refused(text in ".{0,200}") {
        prop_assert!(!finish_registration(&REGISTRATION.state, &text));
        prop_assert!(!finish_registration(&text, &REGISTRATION.response.to_string()));
        prop_assert!(!finish_authentication(&AUTHENTICATION.0.state, &text));
        prop_assert!(!finish_authentication(&text, &AUTHENTICATION.0.response.to_string()));
        prop_assert!(ClaimedCredential::from_response(&text).is_err());
    }

    #[test]
    fn cut_off_json_is_refused(fraction in 0.0..1.0f64) {
        let cut = |text: String| text[..(text.len() as f64 * fraction) as usize].to_owned();
        prop_assert!(!finish_registration(
            &REGISTRATION.state, &cut(REGISTRATION.response.to_string())));
        prop_assert!(!finish_authentication(
            &AUTHENTICATION.0.state, &cut(AUTHENTICATION.0.response.to_string())));
    }

    #[test]
    fn any_flipped_bit_of_a_sign_in_is_refused(
        member in prop::sample::select(
            vec!["clientDataJSON", "authenticatorData", "signature", "userHandle"]),
        at in any::<prop::sample::Index>(),
        bit in 0..8u8,
    ) {
        let (ceremony, _) = &*AUTHENTICATION;
        let response = changed(&ceremony.response, member, |bytes| {
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
        });
        prop_assert!(!finish_authentication(&ceremony.state, &response));
    }

    #[test]
    fn any_cut_off_member_is_refused(
        member in prop::sample::select(
            vec!["clientDataJSON", "authenticatorData", "signature", "attestationObject"]),
        at in any::<prop::sample::Index>(),
    ) {
        let cut = |bytes: &mut Vec<u8>| bytes.truncate(at.index(bytes.len()));
        if member == "attestationObject" {
            let response = changed(&REGISTRATION.response, member, cut);
            prop_assert!(!finish_registration(&REGISTRATION.state, &response));
        } else {
            let (ceremony, _) = &*AUTHENTICATION;
            let response = changed(&ceremony.response, member, cut);
            prop_assert!(!finish_authentication(&ceremony.state, &response));
        }
    }

    /// Flags, counter and model are not proven without attestation, so some changes pass; none may panic.
    #[test]
    fn a_changed_registration_does_not_panic(
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let response = changed(&REGISTRATION.response, "attestationObject", |bytes| {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        });
        let _ = finish_registration(&REGISTRATION.state, &response);
    }

    #[test]
    fn random_bytes_are_neither_authenticator_data_nor_keys(
        mut bytes in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        prop_assert!(PublicKey::parse(&bytes).is_err());
        if let Some(flags) = bytes.get_mut(32) {
            *flags |= 1 << 6;
        }
        prop_assert!(AuthenticatorData::parse(&bytes).is_err());
    }
}
