//! Small print of the formats: lengths, leftovers, and members that come twice.

use serde_json::Value;

use super::{ORIGIN, PasskeyError, SoftAuthenticator, john, json, register, rp};
use crate::passkey::ceremony::{
    authenticator_data::AuthenticatorData, base64url::Base64Url, base64url::encode, client_data,
};

/// Authenticator data with a credential id of this length.
fn authenticator_data(id_length: u16) -> Vec<u8> {
    let key = register(&rp(), &mut SoftAuthenticator::default()).public_key;
    let flags_and_counter = [0b0100_0101, 0, 0, 0, 1];
    let id = vec![7; id_length.into()];
    [&[0; 32][..], &flags_and_counter, &[0; 16], &id_length.to_be_bytes(), &id, &key].concat()
}

/// A registration whose attestation object was changed.
fn finish_with(change: impl FnOnce(&mut Vec<u8>)) -> Result<(), PasskeyError> {
    let start = rp().start_registration(&john(), "john", "John", &[]).unwrap();
    let mut response = json(&SoftAuthenticator::default().register(&start.options, ORIGIN));
    let object: &mut Value = &mut response["response"]["attestationObject"];
    let Base64Url(mut bytes) = serde_json::from_value(object.take()).unwrap();
    change(&mut bytes);
    *object = encode(&bytes).into();
    rp().finish_registration(&john(), &start.state, &response.to_string()).map(drop)
}

fn malformed(outcome: Result<(), PasskeyError>, expected: &str) -> bool {
    matches!(outcome, Err(PasskeyError::MalformedResponse { part, .. }) if part == expected)
}

#[test]
fn a_credential_id_has_1_to_1023_bytes() {
    for (length, good) in [(0, false), (1, true), (1023, true), (1024, false)] {
        assert_eq!(AuthenticatorData::parse(&authenticator_data(length)).is_ok(), good, "{length}");
    }
}

#[test]
fn leftovers_of_authenticator_data_are_refused() {
    let good = authenticator_data(16);
    assert!(AuthenticatorData::parse(&good).is_ok());
    let longer = [&good[..], &[0]].concat();
    assert!(malformed(AuthenticatorData::parse(&longer).map(drop), "authenticator data"));
}

#[test]
fn extensions_are_one_map() {
    let mut data = authenticator_data(16);
    data[32] |= 1 << 7;
    for (extension, good) in [(&[0xa0][..], true), (&[0x80], false), (&[], false), (&[0xa1], false)] {
        let data = [&data[..], extension].concat();
        assert_eq!(AuthenticatorData::parse(&data).is_ok(), good, "{extension:?}");
    }
}

#[test]
fn leftovers_of_an_attestation_object_are_refused() {
    assert!(finish_with(|_| {}).is_ok());
    assert!(malformed(finish_with(|object| object.push(0)), "attestation object"));
}

#[test]
fn a_member_of_an_attestation_object_that_comes_twice_is_refused() {
    // A map of three becomes one of four, by a second format at its front.
    let twice = finish_with(|object| {
        object.splice(..1, *b"\xa4\x63fmt\x64none");
    });
    assert!(malformed(twice, "attestation object"));
}

#[test]
fn an_attestation_object_without_a_member_is_refused() {
    let without_format = finish_with(|object| {
        object.splice(..b"\xa3\x63fmt\x64none".len(), [0xa2]);
    });
    assert!(malformed(without_format, "attestation object"));
}

#[test]
fn a_credential_of_another_type_is_refused() {
    let start = rp().start_registration(&john(), "john", "John", &[]).unwrap();
    let mut response = json(&SoftAuthenticator::default().register(&start.options, ORIGIN));
    response["type"] = "password".into();
    let refused = rp().finish_registration(&john(), &start.state, &response.to_string());
    assert!(malformed(refused.map(drop), "type"));
}

#[test]
fn client_data_may_begin_with_a_byte_order_mark() {
    let text = format!("\u{feff}{{\"type\":\"webauthn.get\",\"challenge\":\"AQID\",\"origin\":\"{ORIGIN}\"}}");
    assert!(client_data::verify(&rp(), client_data::GET, &[1, 2, 3], text.as_bytes()).is_ok());
}

#[test]
fn base64url_is_read_with_and_without_padding() {
    for text in ["\"-_8=\"", "\"-_8\""] {
        assert_eq!(serde_json::from_str::<Base64Url>(text).unwrap().0, [251, 255]);
    }
    assert!(serde_json::from_str::<Base64Url>("\"+/8=\"").is_err());
}
