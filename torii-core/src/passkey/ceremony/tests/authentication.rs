use chrono::DateTime;

use super::{
    KeyAlgorithm, ORIGIN, PasskeyError, RelyingParty, SoftAuthenticator, StoredCredential, authenticator::Behaviour,
    challenge, jane, john, json, register, rp,
};
use crate::{
    passkey::{
        PasskeyCredential,
        ceremony::{Authentication, ClaimedCredential, UserVerification},
    },
    tenant::TenantId,
    user::UserId,
};

/// John has a passkey on a good device; then he signs in on one that behaves like this.
fn run(behaviour: Behaviour) -> Result<Authentication, PasskeyError> {
    run_on(&rp(), ORIGIN, behaviour)
}

fn run_on(rp: &RelyingParty, origin: &str, behaviour: Behaviour) -> Result<Authentication, PasskeyError> {
    let mut device = SoftAuthenticator::default();
    let stored = register(&super::rp(), &mut device);
    device.behaviour = behaviour;
    let start = rp.start_authentication(None).unwrap();
    let response = device.authenticate(&start.options, origin);
    rp.finish_authentication(&start.state, &response, &stored)
}

#[test]
fn a_passkey_of_every_algorithm_signs_in() {
    for algorithm in [KeyAlgorithm::Es256, KeyAlgorithm::EdDsa, KeyAlgorithm::Rs256] {
        let mut device = SoftAuthenticator::new(algorithm);
        let stored = register(&rp(), &mut device);
        let start = rp().start_authentication(None).unwrap();
        let response = device.authenticate(&start.options, ORIGIN);

        let claim = ClaimedCredential::from_response(&response).unwrap();
        assert_eq!(claim.credential_id, stored.credential_id);
        assert_eq!(claim.user_handle, Some(john()));

        let proven = rp().finish_authentication(&start.state, &response, &stored).unwrap();
        assert_eq!(proven.credential_id, stored.credential_id);
        assert_eq!((stored.sign_count, proven.sign_count), (1, 2));
        assert!(proven.user_verified);
    }
}

#[test]
fn the_options_name_the_passkeys_of_a_known_user_only() {
    let unknown = rp().start_authentication(None).unwrap();
    assert_eq!(unknown.options["rpId"], "example.com");
    assert_eq!(unknown.options["userVerification"], "required");
    assert_eq!(unknown.options["timeout"], 300_000);
    assert_eq!(unknown.options["allowCredentials"], json("[]"));
    assert_eq!(challenge(&unknown.options).len(), 32);

    let known = rp().start_authentication(Some(&[vec![1, 2, 3]])).unwrap();
    let expected = json(r#"[{"type": "public-key", "id": "AQID"}]"#);
    assert_eq!(known.options["allowCredentials"], expected);
}

#[test]
fn a_known_user_may_leave_the_handle_out_and_an_unknown_one_may_not() {
    let mut device = SoftAuthenticator::default();
    let stored = register(&rp(), &mut device);
    device.behaviour.user_handle = false;

    let start = rp().start_authentication(Some(std::slice::from_ref(&stored.credential_id))).unwrap();
    let response = device.authenticate(&start.options, ORIGIN);
    assert_eq!(ClaimedCredential::from_response(&response).unwrap().user_handle, None);
    assert!(rp().finish_authentication(&start.state, &response, &stored).is_ok());

    let start = rp().start_authentication(None).unwrap();
    let response = device.authenticate(&start.options, ORIGIN);
    let refused = rp().finish_authentication(&start.state, &response, &stored);
    assert!(matches!(refused, Err(PasskeyError::UserHandleMismatch)));
}

#[test]
fn an_authenticator_without_a_counter_signs_in_again_and_again() {
    let mut device = SoftAuthenticator::default();
    device.behaviour.counter_step = 0;
    let stored = register(&rp(), &mut device);
    for _ in 0..2 {
        let start = rp().start_authentication(None).unwrap();
        let response = device.authenticate(&start.options, ORIGIN);
        let proven = rp().finish_authentication(&start.state, &response, &stored).unwrap();
        assert_eq!(proven.sign_count, 0);
    }
}

#[test]
fn a_counter_that_does_not_grow_is_refused() {
    let mut device = SoftAuthenticator::default();
    let stored = StoredCredential { sign_count: 9, ..register(&rp(), &mut device) };
    device.behaviour.counter_step = 0;
    for counter in [0, 8, 9] {
        device.set_counters(counter);
        let start = rp().start_authentication(None).unwrap();
        let response = device.authenticate(&start.options, ORIGIN);
        let refused = rp().finish_authentication(&start.state, &response, &stored);
        assert!(matches!(
            refused,
            Err(PasskeyError::CounterRegression { stored: 9, received }) if received == counter
        ));
    }
}

#[test]
fn a_recorded_answer_does_not_fit_another_challenge() {
    let mut device = SoftAuthenticator::default();
    let stored = register(&rp(), &mut device);
    let first = rp().start_authentication(None).unwrap();
    let recorded = device.authenticate(&first.options, ORIGIN);
    assert!(rp().finish_authentication(&first.state, &recorded, &stored).is_ok());

    let second = rp().start_authentication(None).unwrap();
    let refused = rp().finish_authentication(&second.state, &recorded, &stored);
    assert!(matches!(refused, Err(PasskeyError::ChallengeMismatch)));
}

#[test]
fn one_flipped_bit_of_the_signature_is_refused() {
    for algorithm in [KeyAlgorithm::Es256, KeyAlgorithm::EdDsa, KeyAlgorithm::Rs256] {
        let mut device = SoftAuthenticator::new(algorithm);
        let stored = register(&rp(), &mut device);
        device.behaviour.corrupt_signature = true;
        let start = rp().start_authentication(None).unwrap();
        let response = device.authenticate(&start.options, ORIGIN);
        let refused = rp().finish_authentication(&start.state, &response, &stored);
        assert!(matches!(refused, Err(PasskeyError::InvalidSignature)));
    }
}

#[test]
fn the_key_of_another_passkey_does_not_fit() {
    let mut device = SoftAuthenticator::default();
    let other = register(&rp(), &mut SoftAuthenticator::default());
    let stored = StoredCredential { public_key: other.public_key, ..register(&rp(), &mut device) };
    let start = rp().start_authentication(None).unwrap();
    let response = device.authenticate(&start.options, ORIGIN);
    let refused = rp().finish_authentication(&start.state, &response, &stored);
    assert!(matches!(refused, Err(PasskeyError::InvalidSignature)));
}

#[test]
fn another_passkey_than_the_stored_one_is_refused() {
    let mut device = SoftAuthenticator::default();
    let old = register(&rp(), &mut device);
    let new = register(&rp(), &mut device);

    // The answer is the newer passkey's.
    let start = rp().start_authentication(None).unwrap();
    let response = device.authenticate(&start.options, ORIGIN);
    let refused = rp().finish_authentication(&start.state, &response, &old);
    assert!(matches!(refused, Err(PasskeyError::CredentialNotAllowed)));
    assert!(rp().finish_authentication(&start.state, &response, &new).is_ok());
}

#[test]
fn only_a_listed_passkey_of_a_known_user_may_answer() {
    let mut device = SoftAuthenticator::default();
    let stored = register(&rp(), &mut device);
    for allow in [vec![], vec![vec![7; 32]]] {
        let mut start = rp().start_authentication(Some(&allow)).unwrap();
        start.options["allowCredentials"] = json("[]");
        let response = device.authenticate(&start.options, ORIGIN);
        let refused = rp().finish_authentication(&start.state, &response, &stored);
        assert!(matches!(refused, Err(PasskeyError::CredentialNotAllowed)));
    }
}

#[test]
fn a_passkey_that_is_stored_for_another_user_is_refused() {
    let mut device = SoftAuthenticator::default();
    let stored = StoredCredential { user_handle: jane(), ..register(&rp(), &mut device) };
    let start = rp().start_authentication(None).unwrap();
    let response = device.authenticate(&start.options, ORIGIN);
    let refused = rp().finish_authentication(&start.state, &response, &stored);
    assert!(matches!(refused, Err(PasskeyError::UserHandleMismatch)));
}

#[test]
fn an_answer_from_another_origin_is_refused() {
    let refused = run_on(&rp(), "https://evil.example", Behaviour::default());
    assert!(matches!(refused, Err(PasskeyError::OriginNotAllowed { .. })));
}

#[test]
fn an_answer_from_a_frame_is_refused() {
    let refused = run(Behaviour { cross_origin: true, ..Behaviour::default() });
    assert!(matches!(refused, Err(PasskeyError::CrossOrigin)));
}

#[test]
fn an_answer_for_another_relying_party_is_refused() {
    let refused = run(Behaviour { rp_id: Some("evil.example".to_owned()), ..Behaviour::default() });
    assert!(matches!(refused, Err(PasskeyError::RpIdMismatch)));
}

#[test]
fn an_answer_of_the_other_ceremony_is_refused() {
    let kind = Some("webauthn.create".to_owned());
    let refused = run(Behaviour { client_data_type: kind, ..Behaviour::default() });
    assert!(matches!(refused, Err(PasskeyError::WrongType)));
}

#[test]
fn a_user_must_be_present() {
    let refused = run(Behaviour { user_present: false, ..Behaviour::default() });
    assert!(matches!(refused, Err(PasskeyError::UserNotPresent)));
}

#[test]
fn a_user_must_be_verified_unless_that_was_only_preferred() {
    let unverified = Behaviour { user_verified: false, ..Behaviour::default() };
    let refused = run(unverified.clone());
    assert!(matches!(refused, Err(PasskeyError::UserNotVerified)));

    let lax = rp().with_user_verification(UserVerification::Preferred);
    assert!(!run_on(&lax, ORIGIN, unverified).unwrap().user_verified);
}

#[test]
fn the_state_of_a_registration_or_of_another_relying_party_is_refused() {
    let mut device = SoftAuthenticator::default();
    let stored = register(&rp(), &mut device);
    let start = rp().start_authentication(None).unwrap();
    let response = device.authenticate(&start.options, ORIGIN);
    let other = RelyingParty::new("app.example.com", [ORIGIN], "Example").unwrap();

    let registration = rp().start_registration(&john(), "john", "John", &[]).unwrap().state;
    let foreign = other.start_authentication(None).unwrap().state;
    for state in [registration, foreign, String::new(), "{}".to_owned()] {
        let refused = rp().finish_authentication(&state, &response, &stored);
        assert!(matches!(refused, Err(PasskeyError::InvalidState { .. })));
    }
}

#[test]
fn a_stored_key_in_another_form_is_an_error_of_its_own() {
    let mut device = SoftAuthenticator::default();
    let good = register(&rp(), &mut device);
    let start = rp().start_authentication(None).unwrap();
    let response = device.authenticate(&start.options, ORIGIN);

    let longer = [&good.public_key[..], &[0]].concat();
    for public_key in [b"-----BEGIN PUBLIC KEY-----".to_vec(), vec![], longer] {
        let stored = StoredCredential { public_key, ..good.clone() };
        let refused = rp().finish_authentication(&start.state, &response, &stored);
        assert!(matches!(refused, Err(PasskeyError::InvalidPublicKey { .. })));
    }
}

#[test]
fn a_stored_passkey_brings_the_handle_of_its_owner_in_its_tenant() {
    let passkey = PasskeyCredential {
        user_id: UserId::new("usr_john"),
        tenant_id: TenantId::from_static("acme"),
        credential_id: vec![1],
        public_key: vec![2],
        name: None,
        sign_count: 3,
        created_at: DateTime::UNIX_EPOCH,
        last_used_at: None,
    };
    let expected = StoredCredential { credential_id: vec![1], public_key: vec![2], sign_count: 3, user_handle: john() };
    assert_eq!(StoredCredential::from(&passkey), expected);
}
