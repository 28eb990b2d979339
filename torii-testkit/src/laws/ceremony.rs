//! The ceremonies in which a passkey is registered and signs in.

use chrono::TimeDelta;
use torii::{Clock, PasskeyCeremony, RelyingParty, Session, ToriiError, User};

use super::expectation::{TICK, assert_refused, is_alive};
use crate::{
    Provider,
    authenticator::{Behaviour, KeyAlgorithm, SoftAuthenticator},
    world::{CHALLENGE_ID, EMAIL, OTHER_EMAIL, PASSWORD, WRONG_PASSWORD, World},
};

const ORIGIN: &str = "https://example.com";
pub(super) const REFUSED: &str = "Invalid passkey credential";

pub(super) fn relying_party() -> RelyingParty {
    RelyingParty::new("example.com", [ORIGIN], "Example").expect("the origin is inside the relying party id")
}

/// Registers a passkey of `device`; returns its id.
pub(super) async fn enroll<P: Provider>(w: &World<P>, user: &User, device: &mut SoftAuthenticator) -> Vec<u8> {
    let rp = relying_party();
    let ceremony = w.here.passkey().start_registration(&rp, &user.id).await.unwrap();
    let answer = device.register(&ceremony.options, ORIGIN);
    let kept = w.here.passkey().finish_registration(&rp, &user.id, &ceremony.ceremony_id, &answer, None).await.unwrap();
    kept.credential_id
}

/// A user with a passkey.
pub(super) async fn enrolled<P: Provider>(w: &World<P>) -> (User, SoftAuthenticator, Vec<u8>) {
    let user = w.register(EMAIL).await;
    let mut device = SoftAuthenticator::default();
    let id = enroll(w, &user, &mut device).await;
    (user, device, id)
}

async fn begin<P: Provider>(w: &World<P>) -> PasskeyCeremony {
    w.here.passkey().start_authentication(&relying_party()).await.unwrap()
}

async fn finish<P: Provider>(
    w: &World<P>,
    ceremony: &PasskeyCeremony,
    answer: &str,
) -> Result<(User, Session), ToriiError> {
    w.here.passkey().finish_authentication(&relying_party(), &ceremony.ceremony_id, answer, None, None).await
}

/// Signs in with `device`.
pub(super) async fn sign_in<P: Provider>(
    w: &World<P>,
    device: &mut SoftAuthenticator,
) -> Result<(User, Session), ToriiError> {
    let ceremony = begin(w).await;
    let answer = device.authenticate(&ceremony.options, ORIGIN);
    finish(w, &ceremony, &answer).await
}

/// A passkey that was registered signs its user in, with keys of every algorithm that is offered.
pub async fn passkey_registers_then_signs_in<P: Provider>(w: &World<P>) {
    let user = w.register(EMAIL).await;
    for algorithm in [KeyAlgorithm::Es256, KeyAlgorithm::EdDsa, KeyAlgorithm::Rs256] {
        let rp = relying_party();
        let mut device = SoftAuthenticator::new(algorithm);
        let ceremony = w.here.passkey().start_registration(&rp, &user.id).await.unwrap();
        let answer = device.register(&ceremony.options, ORIGIN);
        let name = Some(format!("{algorithm:?}"));
        let kept = w
            .here
            .passkey()
            .finish_registration(&rp, &user.id, &ceremony.ceremony_id, &answer, name.clone())
            .await
            .unwrap();
        assert_eq!((&kept.user_id, &kept.tenant_id, &kept.name), (&user.id, w.tenant(), &name));
        assert_eq!(w.here.passkey().get_credential(&kept.credential_id).await.unwrap(), Some(kept));

        let ceremony = begin(w).await;
        let answer = device.authenticate(&ceremony.options, ORIGIN);
        let (agent, address) = (Some("Browser".to_owned()), Some("192.0.2.1".to_owned()));
        let (signed_in, session) = w
            .here
            .passkey()
            .finish_authentication(&rp, &ceremony.ceremony_id, &answer, agent.clone(), address.clone())
            .await
            .unwrap();
        assert_eq!(signed_in, user);
        assert_eq!((&session.user_id, &session.user_agent, &session.ip_address), (&user.id, &agent, &address));
        assert!(is_alive(w, &session).await);
    }
}

/// A ceremony works once: the same answer is worth nothing the second time.
pub async fn passkey_ceremony_works_once<P: Provider>(w: &World<P>) {
    let user = w.register(EMAIL).await;
    let (rp, mut device) = (relying_party(), SoftAuthenticator::default());
    device.behaviour.counter_step = 0;
    let ceremony = w.here.passkey().start_registration(&rp, &user.id).await.unwrap();
    let answer = device.register(&ceremony.options, ORIGIN);
    let id = &ceremony.ceremony_id;
    let kept = w.here.passkey().finish_registration(&rp, &user.id, id, &answer, None).await.unwrap();
    w.here.passkey().delete_credential(&kept.credential_id).await.unwrap();
    assert_refused(w.here.passkey().finish_registration(&rp, &user.id, id, &answer, None).await, REFUSED);
    assert!(w.here.passkey().get_user_credentials(&user.id).await.unwrap().is_empty());

    let mut device = SoftAuthenticator::default();
    device.behaviour.counter_step = 0;
    enroll(w, &user, &mut device).await;
    let ceremony = begin(w).await;
    let answer = device.authenticate(&ceremony.options, ORIGIN);
    assert!(finish(w, &ceremony, &answer).await.is_ok());
    assert_refused(finish(w, &ceremony, &answer).await, REFUSED);
    assert_eq!(w.here.list_user_sessions(&user.id).await.unwrap().len(), 1);
}

/// A ceremony is consumed by a wrong answer too: there is no second try.
pub async fn passkey_ceremony_bears_no_second_try<P: Provider>(w: &World<P>) {
    let (user, mut device, _) = enrolled(w).await;
    let ceremony = begin(w).await;
    assert_refused(finish(w, &ceremony, "{}").await, REFUSED);
    let answer = device.authenticate(&ceremony.options, ORIGIN);
    assert_refused(finish(w, &ceremony, &answer).await, REFUSED);
    assert!(w.here.list_user_sessions(&user.id).await.unwrap().is_empty());
}

/// A ceremony may take five minutes and no microsecond longer.
pub async fn passkey_ceremony_expires<P: Provider>(w: &World<P>) {
    let (user, mut device, _) = enrolled(w).await;
    let rp = relying_party();
    for (minutes, works) in [(TimeDelta::minutes(5) - TICK, true), (TimeDelta::minutes(5), false)] {
        let ceremony = begin(w).await;
        let registration = w.here.passkey().start_registration(&rp, &user.id).await.unwrap();
        w.clock.advance(minutes);
        let answer = device.authenticate(&ceremony.options, ORIGIN);
        assert_eq!(finish(w, &ceremony, &answer).await.is_ok(), works);
        let answer = SoftAuthenticator::default().register(&registration.options, ORIGIN);
        let id = &registration.ceremony_id;
        let finished = w.here.passkey().finish_registration(&rp, &user.id, id, &answer, None).await;
        assert_eq!(finished.is_ok(), works);
    }
    assert_eq!(w.here.list_user_sessions(&user.id).await.unwrap().len(), 1);
    assert_eq!(w.here.passkey().get_user_credentials(&user.id).await.unwrap().len(), 2);
}

/// What a registration began cannot complete a sign-in, nor the reverse; an unknown ceremony completes nothing.
pub async fn passkey_ceremonies_are_of_one_kind<P: Provider>(w: &World<P>) {
    let (user, mut device, _) = enrolled(w).await;
    let rp = relying_party();
    let registration = w.here.passkey().start_registration(&rp, &user.id).await.unwrap();
    let sign_in = begin(w).await;
    let assertion = device.authenticate(&sign_in.options, ORIGIN);
    let attestation = SoftAuthenticator::default().register(&registration.options, ORIGIN);

    assert_refused(finish(w, &registration, &assertion).await, REFUSED);
    let finished = w.here.passkey().finish_registration(&rp, &user.id, &sign_in.ceremony_id, &attestation, None).await;
    assert_refused(finished, REFUSED);
    for id in ["", "unknown", CHALLENGE_ID, "ceremony-1", "\0", &"x".repeat(1 << 20)] {
        let unknown = PasskeyCeremony { ceremony_id: id.into(), options: sign_in.options.clone() };
        assert_refused(finish(w, &unknown, &assertion).await, REFUSED);
        assert_refused(w.here.passkey().finish_registration(&rp, &user.id, id, &attestation, None).await, REFUSED);
    }
    assert!(finish(w, &sign_in, &assertion).await.is_ok(), "the attempts did no harm");
}

/// A registration that was begun for one user cannot be completed for another.
pub async fn passkey_registration_is_for_one_user<P: Provider>(w: &World<P>) {
    let (user, other) = (w.register(EMAIL).await, w.register(OTHER_EMAIL).await);
    let rp = relying_party();
    let ceremony = w.here.passkey().start_registration(&rp, &user.id).await.unwrap();
    let answer = SoftAuthenticator::default().register(&ceremony.options, ORIGIN);
    let finished = w.here.passkey().finish_registration(&rp, &other.id, &ceremony.ceremony_id, &answer, None).await;
    assert_refused(finished, REFUSED);
    for user in [&user, &other] {
        assert!(w.here.passkey().get_user_credentials(&user.id).await.unwrap().is_empty());
    }
}

/// A passkey signs in although the address is locked: the lock is for passwords.
pub async fn passkey_ignores_the_lock<P: Provider>(w: &World<P>) {
    let (user, mut device, _) = enrolled(w).await;
    for _ in 0..5 {
        assert!(w.here.authenticate(EMAIL, WRONG_PASSWORD, None, None).await.is_err());
    }
    assert!(w.here.get_lockout_status(EMAIL).await.unwrap().is_locked);
    assert_eq!(sign_in(w, &mut device).await.unwrap().0.id, user.id);
}

/// An answer that breaks one rule of WebAuthn begins no session and moves no counter, and nobody is told which rule.
pub async fn passkey_refuses_bad_answers<P: Provider>(w: &World<P>) {
    let (user, mut device, id) = enrolled(w).await;
    sign_in(w, &mut device).await.unwrap();
    w.here.delete_sessions_for_user(&user.id).await.unwrap();
    let before = w.here.passkey().get_credential(&id).await.unwrap();

    let good = Behaviour::default;
    let wrong = [
        Behaviour { corrupt_signature: true, ..good() },
        Behaviour { user_present: false, ..good() },
        Behaviour { user_verified: false, ..good() },
        Behaviour { user_handle: false, ..good() },
        Behaviour { cross_origin: true, ..good() },
        Behaviour { challenge: Some(vec![0; 32]), ..good() },
        Behaviour { rp_id: Some("other.example".into()), ..good() },
        Behaviour { client_data_type: Some("webauthn.create".into()), ..good() },
    ];
    for behaviour in wrong {
        let described = format!("{behaviour:?}");
        device.behaviour = behaviour;
        let result = sign_in(w, &mut device).await;
        assert!(result.is_err(), "accepted: {described}");
        assert_refused(result, REFUSED);
    }
    device.behaviour = good();
    for origin in ["https://example.org", "http://example.com", "https://example.com:8443", "https://evil.example.com"]
    {
        let ceremony = begin(w).await;
        let answer = device.authenticate(&ceremony.options, origin);
        assert_refused(finish(w, &ceremony, &answer).await, REFUSED);
    }
    for nonsense in ["", "null", "{}", "[", &"[".repeat(1 << 20)] {
        let ceremony = begin(w).await;
        assert_refused(finish(w, &ceremony, nonsense).await, REFUSED);
    }
    assert_eq!(w.here.passkey().get_credential(&id).await.unwrap(), before);
    assert!(w.here.list_user_sessions(&user.id).await.unwrap().is_empty());
    assert!(sign_in(w, &mut device).await.is_ok(), "the passkey still works");
}

/// A counter that does not grow is a copied authenticator, and refused; one that never counts is not.
pub async fn passkey_refuses_a_counter_that_does_not_grow<P: Provider>(w: &World<P>) {
    let (user, mut device, id) = enrolled(w).await;
    device.set_counters(41);
    sign_in(w, &mut device).await.unwrap();
    assert_eq!(w.here.passkey().get_credential(&id).await.unwrap().unwrap().sign_count, 42);
    for counter in [0, 40, 41] {
        device.set_counters(counter);
        assert_refused(sign_in(w, &mut device).await, REFUSED);
    }
    assert_eq!(w.here.list_user_sessions(&user.id).await.unwrap().len(), 1);
    device.set_counters(42);
    assert!(sign_in(w, &mut device).await.is_ok());

    let other = w.register(OTHER_EMAIL).await;
    let mut uncounted = SoftAuthenticator::default();
    uncounted.behaviour.counter_step = 0;
    let id = enroll(w, &other, &mut uncounted).await;
    for _ in 0..3 {
        assert!(sign_in(w, &mut uncounted).await.is_ok());
    }
    assert_eq!(w.here.passkey().get_credential(&id).await.unwrap().unwrap().sign_count, 0);
}

/// The counter and the time of the last use are those of the last sign-in.
pub async fn passkey_use_is_recorded<P: Provider>(w: &World<P>) {
    let (_, mut device, id) = enrolled(w).await;
    let credential = async || w.here.passkey().get_credential(&id).await.unwrap().unwrap();
    let registered_at = w.clock.now();
    assert_eq!((credential().await.sign_count, credential().await.created_at), (1, registered_at));
    w.clock.advance(TimeDelta::hours(1));
    sign_in(w, &mut device).await.unwrap();
    assert_eq!((credential().await.sign_count, credential().await.last_used_at), (2, Some(w.clock.now())));
    w.clock.advance(TimeDelta::hours(1));
    w.here.passkey().authenticate(&id, None, None).await.unwrap();
    assert_eq!((credential().await.sign_count, credential().await.last_used_at), (2, Some(w.clock.now())));
    assert_eq!(credential().await.created_at, registered_at);
}

/// Passkeys that a user has already are excluded from the next registration.
pub async fn passkey_registration_excludes_known_ones<P: Provider>(w: &World<P>) {
    let (user, device, _) = enrolled(w).await;
    let ceremony = w.here.passkey().start_registration(&relying_party(), &user.id).await.unwrap();
    let excluded = ceremony.options["excludeCredentials"].as_array().unwrap();
    assert_eq!(excluded.len(), device.credential_ids().count());
    assert_eq!(ceremony.options["user"]["name"], EMAIL);
}

/// A passkey of another tenant is unknown here, also where this tenant has one under the same id.
pub async fn passkey_of_another_tenant_signs_nobody_in<P: Provider>(w: &World<P>) {
    let rp = relying_party();
    let other = w.torii.with_tenant("another-tenant");
    let stranger = other.register_user(EMAIL, PASSWORD).await.unwrap();
    let mut device = SoftAuthenticator::default();
    let ceremony = other.passkey().start_registration(&rp, &stranger.id).await.unwrap();
    let answer = device.register(&ceremony.options, ORIGIN);
    let kept =
        other.passkey().finish_registration(&rp, &stranger.id, &ceremony.ceremony_id, &answer, None).await.unwrap();

    assert_refused(sign_in(w, &mut device).await, REFUSED);
    let user = w.register(EMAIL).await;
    w.here.passkey().register_credential(&user.id, kept.credential_id, kept.public_key, None).await.unwrap();
    assert_refused(sign_in(w, &mut device).await, REFUSED);
    assert!(w.here.list_user_sessions(&user.id).await.unwrap().is_empty());

    // A ceremony that was begun there cannot be completed here, nor the reverse.
    let there = other.passkey().start_authentication(&rp).await.unwrap();
    let answer = device.authenticate(&there.options, ORIGIN);
    assert_refused(finish(w, &there, &answer).await, REFUSED);
    let signed_in = other.passkey().finish_authentication(&rp, &there.ceremony_id, &answer, None, None).await;
    assert_eq!(signed_in.unwrap().0.id, stranger.id);
}
