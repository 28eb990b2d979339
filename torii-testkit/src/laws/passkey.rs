//! Passkeys, as they are kept.

use chrono::TimeDelta;
use torii::{Clock, PasskeyCredential, UserId};
use torii_core::{error::StorageErrorKind, repositories::PasskeyRepository};

use super::{
    ceremony::{REFUSED, enroll, enrolled, relying_party, sign_in},
    expectation::{assert_refused, assert_violation, is_alive},
};
use crate::{
    Provider,
    authenticator::SoftAuthenticator,
    world::{CHALLENGE_ID, CREDENTIAL_ID, EMAIL, OTHER_EMAIL, World},
};

/// No passkey is registered for an unknown user.
pub async fn passkey_registration_needs_a_user<P: Provider>(w: &World<P>) {
    let nobody = UserId::new_random();
    assert_refused(w.here.passkey().start_registration(&relying_party(), &nobody).await, "User not found");
    let kept = w.here.passkey().register_credential(&nobody, CREDENTIAL_ID.to_vec(), vec![1], None).await;
    assert_violation(kept, StorageErrorKind::ForeignKeyViolation);
    assert_eq!(w.here.passkey().get_credential(CREDENTIAL_ID).await.unwrap(), None);
}

/// Storage moves a counter forward only, in the statement that says whose passkey it is.
pub async fn passkey_counter_moves_forward_only<P: Provider>(w: &World<P>) {
    let user = w.register(EMAIL).await;
    w.here.passkey().register_credential(&user.id, CREDENTIAL_ID.to_vec(), vec![1], None).await.unwrap();
    let record = |count| w.provider.passkey().record_use(CREDENTIAL_ID, count);
    let stored = async || {
        let credential = w.here.passkey().get_credential(CREDENTIAL_ID).await.unwrap().unwrap();
        (credential.sign_count, credential.last_used_at)
    };
    let begun = w.clock.now();
    assert_eq!(record(Some(0)).await.unwrap().as_ref(), Some(&user));
    assert_eq!(stored().await, (0, Some(begun)));
    for (count, accepted) in [(7, true), (7, false), (6, false), (0, false), (u32::MAX, true), (u32::MAX, false)] {
        w.clock.advance(TimeDelta::seconds(1));
        let before = stored().await;
        let owner = record(Some(count)).await.unwrap();
        assert_eq!(owner.is_some(), accepted, "{count}");
        assert_eq!(stored().await, if accepted { (count, Some(w.clock.now())) } else { before });
    }
    w.clock.advance(TimeDelta::seconds(1));
    assert_eq!(record(None).await.unwrap(), Some(user));
    assert_eq!(stored().await, (u32::MAX, Some(w.clock.now())));
    assert_eq!(w.provider.passkey().record_use(b"unknown", None).await.unwrap(), None);
}

/// An application that verifies assertions itself signs in by credential id; an unknown id signs nobody in.
pub async fn passkey_signs_in_by_id<P: Provider>(w: &World<P>) {
    let user = w.register(EMAIL).await;
    w.here.passkey().register_credential(&user.id, CREDENTIAL_ID.to_vec(), b"key".to_vec(), None).await.unwrap();
    let (signed_in, session) = w.here.passkey().authenticate(CREDENTIAL_ID, None, None).await.unwrap();
    assert_eq!(signed_in, user);
    assert!(is_alive(w, &session).await);
    let mut changed = CREDENTIAL_ID.to_vec();
    changed.make_ascii_uppercase();
    for unknown in [&b""[..], b"credential", b"credential-1\0", &changed] {
        assert_refused(w.here.passkey().authenticate(unknown, None, None).await, REFUSED);
        assert_eq!(w.here.passkey().get_credential(unknown).await.unwrap(), None);
    }
    assert_eq!(w.here.list_user_sessions(&user.id).await.unwrap().len(), 1);
}

/// A credential id is registered once, for anybody; the second attempt changes nothing.
pub async fn passkey_id_is_registered_once<P: Provider>(w: &World<P>) {
    let (user, other) = (w.register(EMAIL).await, w.register(OTHER_EMAIL).await);
    let name = Some("Phone".to_owned());
    let register = |id: &UserId, key: &[u8]| {
        let (id, key, name) = (id.clone(), key.to_vec(), name.clone());
        async move { w.here.passkey().register_credential(&id, CREDENTIAL_ID.to_vec(), key, name).await }
    };
    let kept = register(&user.id, b"key").await.unwrap();
    assert_eq!((kept.sign_count, kept.last_used_at, &kept.name), (0, None, &name));
    for id in [&user.id, &other.id] {
        assert_violation(register(id, b"another key").await, StorageErrorKind::UniqueViolation);
    }
    assert_eq!(w.here.passkey().get_credential(CREDENTIAL_ID).await.unwrap(), Some(kept));
    assert!(w.here.passkey().get_user_credentials(&other.id).await.unwrap().is_empty());
}

/// Passkeys are kept byte by byte, however long the id and whatever is in it, and listed newest first.
pub async fn passkeys_are_listed_newest_first<P: Provider>(w: &World<P>) {
    let user = w.register(EMAIL).await;
    let mut kept = Vec::new();
    for id in [vec![0], vec![0, 0], b"abc".to_vec(), b"ABC".to_vec(), (0..=255).cycle().take(1023).collect()] {
        w.clock.advance(TimeDelta::minutes(1));
        let key = [&id[..], &[0xFF; 1000]].concat();
        let credential = w.here.passkey().register_credential(&user.id, id.clone(), key.clone(), None).await.unwrap();
        assert_eq!((&credential.credential_id, &credential.public_key), (&id, &key));
        assert_eq!(credential.created_at, w.clock.now());
        kept.insert(0, credential);
    }
    assert_eq!(w.here.passkey().get_user_credentials(&user.id).await.unwrap(), kept);
    for credential in kept {
        let found = w.here.passkey().get_credential(&credential.credential_id).await.unwrap();
        assert_eq!(found, Some(credential));
    }
    assert!(w.here.passkey().get_user_credentials(&UserId::new_random()).await.unwrap().is_empty());
}

/// A user can name a passkey anew, or take its name away; another user, here or next door, cannot. Nothing else changes.
pub async fn a_passkey_is_renamed_by_its_user_only<P: Provider>(w: &World<P>) {
    let (user, other) = (w.register(EMAIL).await, w.register(OTHER_EMAIL).await);
    let passkeys = w.here.passkey();
    let name = Some("Phone".to_owned());
    let kept = passkeys.register_credential(&user.id, CREDENTIAL_ID.to_vec(), b"key".to_vec(), name).await.unwrap();
    let stranger = w.neighbour.get_user_by_email(EMAIL).await.unwrap().unwrap().id;
    for nobody in [&other.id, &stranger, &UserId::new_random()] {
        assert!(!passkeys.rename_credential(nobody, CREDENTIAL_ID, Some("Mine".to_owned())).await.unwrap());
    }
    assert!(!passkeys.rename_credential(&user.id, b"unknown", None).await.unwrap());
    for bad in ["x".repeat(256), "a\nb".to_owned()] {
        assert!(passkeys.rename_credential(&user.id, CREDENTIAL_ID, Some(bad)).await.is_err());
    }
    assert_eq!(passkeys.get_credential(CREDENTIAL_ID).await.unwrap().as_ref(), Some(&kept));
    for name in [Some("Schlüssel \u{1f511}".to_owned()), Some("x".repeat(255)), None] {
        // The same name again is no different.
        for _ in 0..2 {
            assert!(passkeys.rename_credential(&user.id, CREDENTIAL_ID, name.clone()).await.unwrap());
        }
        let found = passkeys.get_credential(CREDENTIAL_ID).await.unwrap().unwrap();
        assert_eq!(found, PasskeyCredential { name, ..kept.clone() });
    }
}

/// A passkey is deleted alone or with all of its user's, who cannot sign in with it from then on; an unknown one is no error.
pub async fn passkeys_can_be_deleted<P: Provider>(w: &World<P>) {
    let (user, mut device, id) = enrolled(w).await;
    let other = w.register(OTHER_EMAIL).await;
    let mut others_device = SoftAuthenticator::default();
    enroll(w, &other, &mut others_device).await;
    for second in [b"a".to_vec(), b"b".to_vec()] {
        w.here.passkey().register_credential(&user.id, second, vec![1], None).await.unwrap();
    }
    w.here.passkey().delete_credential(b"unknown").await.unwrap();
    w.here.passkey().delete_credential(&id).await.unwrap();
    w.here.passkey().delete_credential(&id).await.unwrap();
    assert_eq!(w.here.passkey().get_user_credentials(&user.id).await.unwrap().len(), 2);
    assert_refused(sign_in(w, &mut device).await, REFUSED);

    for _ in 0..2 {
        w.here.passkey().delete_user_credentials(&user.id).await.unwrap();
        assert!(w.here.passkey().get_user_credentials(&user.id).await.unwrap().is_empty());
    }
    assert!(sign_in(w, &mut others_device).await.is_ok());
}

/// The passkeys of a deleted user are gone, and their ids free.
pub async fn passkeys_go_with_their_user<P: Provider>(w: &World<P>) {
    let (user, mut device, id) = enrolled(w).await;
    w.here.delete_user(&user.id).await.unwrap();
    assert_eq!(w.here.passkey().get_credential(&id).await.unwrap(), None);
    assert_refused(sign_in(w, &mut device).await, REFUSED);
    let other = w.register(OTHER_EMAIL).await;
    w.here.passkey().register_credential(&other.id, id, vec![1], None).await.unwrap();
}

/// A stored challenge is given out while it lasts, taken once, and replaced by a new one of the same id.
pub async fn passkey_challenge_is_taken_once<P: Provider>(w: &World<P>) {
    let passkeys = w.provider.passkey();
    let minute = TimeDelta::minutes(1);
    assert_eq!(passkeys.get_challenge(CHALLENGE_ID).await.unwrap(), None);
    passkeys.set_challenge(CHALLENGE_ID, "first", minute).await.unwrap();
    passkeys.set_challenge(CHALLENGE_ID, "second", minute).await.unwrap();
    for _ in 0..2 {
        assert_eq!(passkeys.get_challenge(CHALLENGE_ID).await.unwrap().as_deref(), Some("second"));
    }
    assert_eq!(passkeys.take_challenge(CHALLENGE_ID).await.unwrap().as_deref(), Some("second"));
    assert_eq!(passkeys.take_challenge(CHALLENGE_ID).await.unwrap(), None);
    assert_eq!(passkeys.get_challenge(CHALLENGE_ID).await.unwrap(), None);

    passkeys.set_challenge(CHALLENGE_ID, "third", minute).await.unwrap();
    w.clock.advance(minute);
    assert_eq!(passkeys.get_challenge(CHALLENGE_ID).await.unwrap(), None);
    assert_eq!(passkeys.take_challenge(CHALLENGE_ID).await.unwrap(), None);
    passkeys.set_challenge(CHALLENGE_ID, "fourth", minute).await.unwrap();
    assert_eq!(passkeys.take_challenge(CHALLENGE_ID).await.unwrap().as_deref(), Some("fourth"));
}
