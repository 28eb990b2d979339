use super::{
    KeyAlgorithm, NewCredential, ORIGIN, PasskeyError, RelyingParty, SoftAuthenticator, authenticator::Behaviour,
    challenge, jane, john, json, rp,
};
use crate::passkey::ceremony::UserVerification;

/// Runs a whole registration with a device that behaves like this.
fn run(behaviour: Behaviour) -> Result<NewCredential, PasskeyError> {
    run_on(&rp(), ORIGIN, behaviour)
}

fn run_on(rp: &RelyingParty, origin: &str, behaviour: Behaviour) -> Result<NewCredential, PasskeyError> {
    let start = rp.start_registration(&john(), "john@example.com", "John", &[]).unwrap();
    let mut device = SoftAuthenticator::default();
    device.behaviour = behaviour;
    rp.finish_registration(&john(), &start.state, &device.register(&start.options, origin))
}

#[test]
fn the_options_ask_for_a_verified_discoverable_credential_without_attestation() {
    let start = rp().start_registration(&john(), "john@example.com", "John", &[vec![251, 255]]).unwrap();
    let options = &start.options;

    assert_eq!(options["rp"], json(r#"{"id": "example.com", "name": "Example"}"#));
    assert_eq!(options["user"]["name"], "john@example.com");
    assert_eq!(options["user"]["displayName"], "John");
    assert_eq!(options["timeout"], 300_000);
    assert_eq!(options["attestation"], "none");
    assert_eq!(options["excludeCredentials"], json(r#"[{"type": "public-key", "id": "-_8"}]"#));
    assert_eq!(
        options["authenticatorSelection"],
        json(r#"{"residentKey": "required", "requireResidentKey": true, "userVerification": "required"}"#)
    );
    assert_eq!(challenge(options).len(), 32);
    assert_eq!(challenge(options), challenge(&json(&start.state)));
}

#[test]
fn the_account_is_named_by_its_handle_and_not_by_its_address() {
    let start = rp().start_registration(&john(), "john@example.com", "John", &[]).unwrap();
    assert_eq!(start.options["user"]["id"], super::super::base64url::encode(john().as_bytes()));
}

#[test]
fn every_ceremony_has_its_own_challenge() {
    let challenges =
        [(); 2].map(|()| challenge(&rp().start_registration(&john(), "john", "John", &[]).unwrap().options));
    assert_ne!(challenges[0], challenges[1]);
}

#[test]
fn a_passkey_of_every_algorithm_can_be_made() {
    for algorithm in [KeyAlgorithm::Es256, KeyAlgorithm::EdDsa, KeyAlgorithm::Rs256] {
        let start = rp().start_registration(&john(), "john", "John", &[]).unwrap();
        let mut device = SoftAuthenticator::new(algorithm);
        let response = device.register(&start.options, ORIGIN);

        let made = rp().finish_registration(&john(), &start.state, &response).unwrap();

        assert_eq!(device.credential_ids().collect::<Vec<_>>(), [&made.credential_id]);
        assert_eq!(made.sign_count, 1);
        assert!(made.user_verified);
        assert!(!made.backup_eligible && !made.backed_up);
        assert_eq!(made.aaguid, [0; 16]);
    }
}

#[test]
fn a_synced_passkey_says_so() {
    let made =
        run(Behaviour { backup_eligible: true, backed_up: true, counter_step: 0, ..Behaviour::default() }).unwrap();
    assert!(made.backup_eligible && made.backed_up);
    assert_eq!(made.sign_count, 0);
}

#[test]
fn an_attestation_or_extension_that_was_not_asked_for_changes_nothing() {
    let made = run(Behaviour {
        attestation_format: Some("packed".to_owned()),
        unasked_extension: true,
        ..Behaviour::default()
    });
    assert!(made.is_ok());
}

#[test]
fn an_answer_to_another_challenge_is_refused() {
    let refused = run(Behaviour { challenge: Some(vec![0; 32]), ..Behaviour::default() });
    assert!(matches!(refused, Err(PasskeyError::ChallengeMismatch)));
}

#[test]
fn an_answer_from_another_origin_is_refused() {
    for origin in
        ["https://evil.example", "https://example.com", "http://app.example.com", "https://app.example.com:8443"]
    {
        let refused = run_on(&rp(), origin, Behaviour::default());
        assert!(matches!(refused, Err(PasskeyError::OriginNotAllowed { origin: o }) if o == origin));
    }
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
    let kind = Some("webauthn.get".to_owned());
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
    let made = run_on(&lax, ORIGIN, unverified).unwrap();
    assert!(!made.user_verified);
}

#[test]
fn the_demand_for_verification_is_the_one_the_ceremony_started_with() {
    let start = rp().start_registration(&john(), "john", "John", &[]).unwrap();
    let mut device = SoftAuthenticator::default();
    device.behaviour.user_verified = false;
    let response = device.register(&start.options, ORIGIN);

    let lax = rp().with_user_verification(UserVerification::Preferred);
    let refused = lax.finish_registration(&john(), &start.state, &response);
    assert!(matches!(refused, Err(PasskeyError::UserNotVerified)));
}

#[test]
fn backed_up_but_not_eligible_is_a_contradiction() {
    let refused = run(Behaviour { backed_up: true, ..Behaviour::default() });
    assert!(matches!(refused, Err(PasskeyError::InvalidBackupFlags)));
}

#[test]
fn a_ceremony_started_for_john_gives_jane_no_passkey() {
    let start = rp().start_registration(&john(), "john", "John", &[]).unwrap();
    let response = SoftAuthenticator::default().register(&start.options, ORIGIN);
    let refused = rp().finish_registration(&jane(), &start.state, &response);
    assert!(matches!(refused, Err(PasskeyError::UserHandleMismatch)));
}

#[test]
fn the_state_of_a_sign_in_or_of_another_relying_party_is_refused() {
    let start = rp().start_registration(&john(), "john", "John", &[]).unwrap();
    let response = SoftAuthenticator::default().register(&start.options, ORIGIN);
    let other = RelyingParty::new("app.example.com", [ORIGIN], "Example").unwrap();

    let sign_in = rp().start_authentication(None).unwrap().state;
    let foreign = other.start_registration(&john(), "john", "John", &[]).unwrap().state;
    for state in [sign_in, foreign, String::new(), "{}".to_owned()] {
        let refused = rp().finish_registration(&john(), &state, &response);
        assert!(matches!(refused, Err(PasskeyError::InvalidState { .. })));
    }
}

#[test]
fn a_swapped_credential_id_is_refused() {
    let start = rp().start_registration(&john(), "john", "John", &[]).unwrap();
    let mut response = json(&SoftAuthenticator::default().register(&start.options, ORIGIN));
    response["id"] = "AAAA".into();
    let refused = rp().finish_registration(&john(), &start.state, &response.to_string());
    assert!(matches!(refused, Err(PasskeyError::MalformedResponse { part: "id", .. })));

    response["rawId"] = "AAAA".into();
    let refused = rp().finish_registration(&john(), &start.state, &response.to_string());
    assert!(matches!(refused, Err(PasskeyError::MalformedResponse { part: "id", .. })));
}
