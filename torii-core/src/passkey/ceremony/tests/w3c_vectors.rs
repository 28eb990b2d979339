//! The test vectors of Web Authentication Level 3, section 16: made by the standard's authors, not by us.

use serde_json::{Value, json};

use super::{PasskeyError, RelyingParty, StoredCredential, john, json as parse};
use crate::passkey::ceremony::{Authentication, UserVerification, base64url::encode};

fn bytes(hex: &Value) -> Vec<u8> {
    let hex = hex.as_str().unwrap();
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

fn text(hex: &Value) -> Value {
    encode(&bytes(hex)).into()
}

fn with_challenge(state: &str, challenge: &Value) -> String {
    let mut state = parse(state);
    state["challenge"] = text(challenge);
    state.to_string()
}

/// Registers and signs in as the vector says. Some vectors have no user verification.
fn run(vector: &Value) -> Result<Authentication, PasskeyError> {
    let rp = RelyingParty::new("example.org", ["https://example.org"], "W3C")
        .unwrap()
        .with_user_verification(UserVerification::Preferred);

    let given = &vector["registration"];
    let id = text(&given["credentialId"]);
    let start = rp.start_registration(&john(), "john", "John", &[]).unwrap();
    let response = json!({ "id": id, "rawId": id, "type": "public-key", "response": {
        "clientDataJSON": text(&given["clientDataJSON"]),
        "attestationObject": text(&given["attestationObject"]),
    }});
    let state = with_challenge(&start.state, &given["challenge"]);
    let made = rp.finish_registration(&john(), &state, &response.to_string())?;
    assert_eq!(made.credential_id, bytes(&given["credentialId"]));

    let stored = StoredCredential {
        credential_id: made.credential_id.clone(),
        public_key: made.public_key,
        sign_count: made.sign_count,
        user_handle: john(),
    };
    let given = &vector["authentication"];
    let start = rp.start_authentication(Some(&[made.credential_id])).unwrap();
    let response = json!({ "id": id, "rawId": id, "type": "public-key", "response": {
        "clientDataJSON": text(&given["clientDataJSON"]),
        "authenticatorData": text(&given["authenticatorData"]),
        "signature": text(&given["signature"]),
        "userHandle": null,
    }});
    let state = with_challenge(&start.state, &given["challenge"]);
    rp.finish_authentication(&state, &response.to_string(), &stored)
}

#[test]
fn the_vectors_of_the_standard_hold() {
    let vectors = parse(include_str!("w3c_vectors.json"));
    let vectors = vectors.as_array().unwrap();
    assert_eq!(vectors.len(), 15);
    for vector in vectors {
        let outcome = run(vector);
        let name = vector["name"].as_str().unwrap();
        match name {
            "none-es256-crossOrigin" | "none-es256-topOrigin" => {
                assert!(matches!(outcome, Err(PasskeyError::CrossOrigin)), "{name}: {outcome:?}");
            }
            "packed-es384" | "packed-es512" | "packed-ed448" => {
                assert!(matches!(outcome, Err(PasskeyError::UnsupportedAlgorithm { .. })), "{name}: {outcome:?}")
            }
            _ => assert!(outcome.is_ok(), "{name}: {outcome:?}"),
        }
    }
}
