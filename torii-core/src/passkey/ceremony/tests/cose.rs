use minicbor::Encoder;

use super::{NewCredential, ORIGIN, PasskeyError, SoftAuthenticator, john, register, rp};
use crate::passkey::ceremony::cose::PublicKey;

type Cbor = Encoder<Vec<u8>>;

/// A `COSE_Key` of so many entries.
fn key(entries: u64, write: impl FnOnce(&mut Cbor)) -> Result<PublicKey, PasskeyError> {
    let mut cbor = Encoder::new(Vec::new());
    cbor.map(entries).unwrap();
    write(&mut cbor);
    PublicKey::parse(&cbor.into_writer())
}

fn int(cbor: &mut Cbor, label: i64, value: i64) {
    cbor.i64(label).unwrap().i64(value).unwrap();
}

fn bytes(cbor: &mut Cbor, label: i64, value: &[u8]) {
    cbor.i64(label).unwrap().bytes(value).unwrap();
}

fn unusable(key: Result<PublicKey, PasskeyError>) -> bool {
    matches!(key, Err(PasskeyError::InvalidPublicKey { .. }))
}

#[test]
fn what_a_registration_gives_is_exactly_one_key() {
    let stored = register(&rp(), &mut SoftAuthenticator::default());
    assert!(PublicKey::parse(&stored.public_key).is_ok());
    let longer = [&stored.public_key[..], &[0xf6]].concat();
    assert!(unusable(PublicKey::parse(&longer)));
    assert!(unusable(PublicKey::parse(&[])));
}

#[test]
fn a_point_beside_the_curve_is_refused() {
    let point = |y: &[u8]| {
        key(5, |cbor| {
            int(cbor, 1, 2);
            int(cbor, 3, -7);
            int(cbor, -1, 1);
            bytes(cbor, -2, &[1; 32]);
            bytes(cbor, -3, y);
        })
    };
    assert!(unusable(point(&[1; 32])));
    assert!(unusable(point(&[1; 31])));
    assert!(unusable(point(&[])));
}

#[test]
fn a_compressed_point_is_refused() {
    assert!(unusable(key(5, |cbor| {
        int(cbor, 1, 2);
        int(cbor, 3, -7);
        int(cbor, -1, 1);
        bytes(cbor, -2, &[1; 32]);
        cbor.i64(-3).unwrap().bool(true).unwrap();
    })));
}

#[test]
fn key_type_and_algorithm_must_fit() {
    // A key on Ed25519 that calls itself ES256, and one that does not say what it is.
    for algorithm in [Some(-7), None] {
        let entries = if algorithm.is_some() { 4 } else { 3 };
        assert!(unusable(key(entries, |cbor| {
            int(cbor, 1, 1);
            if let Some(algorithm) = algorithm {
                int(cbor, 3, algorithm);
            }
            int(cbor, -1, 6);
            bytes(cbor, -2, &[9; 32]);
        })));
    }
}

#[test]
fn an_rsa_key_has_2048_bits_at_least() {
    let rsa = |modulus: &[u8], exponent: &[u8]| {
        key(4, |cbor| {
            int(cbor, 1, 3);
            int(cbor, 3, -257);
            bytes(cbor, -1, modulus);
            bytes(cbor, -2, exponent);
        })
    };
    assert!(rsa(&[0xff; 256], &[1, 0, 1]).is_ok());
    assert!(unusable(rsa(&[0xff; 128], &[1, 0, 1])));
    assert!(unusable(rsa(&[0xff; 1025], &[1, 0, 1])));
    assert!(unusable(rsa(&[0xff; 256], &[])));
    assert!(unusable(rsa(&[0xff; 256], &[1; 9])));
}

#[test]
fn a_parameter_that_comes_twice_is_refused() {
    assert!(unusable(key(5, |cbor| {
        int(cbor, 1, 1);
        int(cbor, 3, -8);
        int(cbor, 3, -8);
        int(cbor, -1, 6);
        bytes(cbor, -2, &[9; 32]);
    })));
}

#[test]
fn parameters_nobody_knows_are_passed_over() {
    let mut device = SoftAuthenticator::new(super::KeyAlgorithm::EdDsa);
    let start = rp().start_registration(&john(), "john", "John", &[]).unwrap();
    let response = device.register(&start.options, ORIGIN);
    let NewCredential { public_key, .. } = rp().finish_registration(&john(), &start.state, &response).unwrap();
    let x = public_key.last_chunk::<32>().unwrap();

    assert!(
        key(6, |cbor| {
            int(cbor, 1, 1);
            int(cbor, 3, -8);
            int(cbor, -1, 6);
            bytes(cbor, -2, x);
            cbor.str("vendor").unwrap().array(1).unwrap().null().unwrap();
            cbor.i64(4).unwrap().array(1).unwrap().i64(2).unwrap();
        })
        .is_ok()
    );
}

#[test]
fn an_algorithm_that_was_not_offered_is_named() {
    let refused = key(4, |cbor| {
        int(cbor, 1, 2);
        int(cbor, 3, -35);
        int(cbor, -1, 2);
        bytes(cbor, -2, &[1; 48]);
    });
    assert!(matches!(refused, Err(PasskeyError::UnsupportedAlgorithm { algorithm: -35 })));
}
