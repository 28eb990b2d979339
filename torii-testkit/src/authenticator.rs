//! A browser and an authenticator in one, for tests of passkey flows: it makes real keys and real signatures.
//!
//! It follows [Web Authentication Level 3](https://www.w3.org/TR/webauthn-3/) as far as a relying party can tell, and
//! [`Behaviour`] makes it break one rule at a time.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on should stop there")]

use aws_lc_rs::{
    digest::{SHA256, digest},
    rand::{self, SystemRandom},
    rsa::KeySize,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};

/// The algorithm of the keys an authenticator makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyAlgorithm {
    /// ECDSA on P-256 with SHA-256, COSE -7.
    Es256,
    /// Ed25519, COSE -8.
    EdDsa,
    /// RSASSA-PKCS1-v1_5 with SHA-256 and 2048 bits, COSE -257.
    Rs256,
}

/// What the authenticator, or the browser in front of it, does. The default is what good ones do.
#[derive(Clone, Debug)]
pub struct Behaviour {
    /// The user touches the authenticator.
    pub user_present: bool,
    /// The user enters a PIN or shows a finger.
    pub user_verified: bool,
    /// New passkeys can be copied to other devices.
    pub backup_eligible: bool,
    /// They have been.
    pub backed_up: bool,
    /// By how much the signature counter grows at each use; 0 is an authenticator without a counter.
    pub counter_step: u32,
    /// The account's handle is part of a sign-in.
    pub user_handle: bool,
    /// The page is in a frame of another site.
    pub cross_origin: bool,
    /// Answers to this challenge instead of the one that was given.
    pub challenge: Option<Vec<u8>>,
    /// Signs for this relying party id instead of the one that was given.
    pub rp_id: Option<String>,
    /// Writes this type into the client data.
    pub client_data_type: Option<String>,
    /// Flips one bit of the signature.
    pub corrupt_signature: bool,
    /// Sends an attestation in this format instead of `none`, with a statement that proves nothing.
    pub attestation_format: Option<String>,
    /// Sends an extension output that nobody asked for.
    pub unasked_extension: bool,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            user_present: true,
            user_verified: true,
            backup_eligible: false,
            backed_up: false,
            counter_step: 1,
            user_handle: true,
            cross_origin: false,
            challenge: None,
            rp_id: None,
            client_data_type: None,
            corrupt_signature: false,
            attestation_format: None,
            unasked_extension: false,
        }
    }
}

/// An authenticator that keeps its passkeys in memory.
#[derive(Debug)]
pub struct SoftAuthenticator {
    /// What it does from now on.
    pub behaviour: Behaviour,
    algorithm: KeyAlgorithm,
    passkeys: Vec<Passkey>,
}

#[derive(Debug)]
struct Passkey {
    id: Vec<u8>,
    rp_id: String,
    user_handle: Vec<u8>,
    key: Key,
    counter: u32,
}

#[derive(Debug)]
enum Key {
    Es256(EcdsaKeyPair),
    EdDsa(Ed25519KeyPair),
    Rs256(RsaKeyPair),
}

impl Default for SoftAuthenticator {
    fn default() -> Self {
        Self::new(KeyAlgorithm::Es256)
    }
}

impl SoftAuthenticator {
    /// A well-behaved authenticator without passkeys.
    pub fn new(algorithm: KeyAlgorithm) -> Self {
        Self { behaviour: Behaviour::default(), algorithm, passkeys: Vec::new() }
    }

    /// The ids of its passkeys, oldest first.
    pub fn credential_ids(&self) -> impl Iterator<Item = &[u8]> {
        self.passkeys.iter().map(|passkey| passkey.id.as_slice())
    }

    /// Sets the signature counter of every passkey: an authenticator restored from a copy.
    pub fn set_counters(&mut self, counter: u32) {
        for passkey in &mut self.passkeys {
            passkey.counter = counter;
        }
    }

    /// `navigator.credentials.create()` on a page of `origin`: makes a passkey and gives `RegistrationResponseJSON`.
    ///
    /// `options` are `PublicKeyCredentialCreationOptionsJSON`.
    ///
    /// # Panics
    /// If the options lack a required member or do not offer this authenticator's algorithm.
    pub fn register(&mut self, options: &Value, origin: &str) -> String {
        let key = Key::generate(self.algorithm);
        let offered = options["pubKeyCredParams"].as_array().expect("pubKeyCredParams is a list");
        assert!(
            offered.iter().any(|parameter| parameter["alg"] == key.cose_algorithm()),
            "the algorithm {:?} is not offered",
            self.algorithm,
        );

        let mut id = vec![0; 32];
        rand::fill(&mut id).expect("the operating system provides random bytes");
        let passkey = Passkey {
            id,
            rp_id: text(&options["rp"]["id"]),
            user_handle: bytes(&options["user"]["id"]),
            key,
            counter: self.behaviour.counter_step,
        };

        let client_data = self.behaviour.client_data("webauthn.create", options, origin);
        let object = self.behaviour.attestation_object(&passkey);
        let response = json!({
            "id": encode(&passkey.id),
            "rawId": encode(&passkey.id),
            "type": "public-key",
            "authenticatorAttachment": "platform",
            "response": {
                "clientDataJSON": encode(client_data.as_bytes()),
                "attestationObject": encode(&object),
                "transports": ["internal"],
            },
            "clientExtensionResults": {},
        });
        self.passkeys.push(passkey);
        response.to_string()
    }

    /// `navigator.credentials.get()` on a page of `origin`: signs in and gives `AuthenticationResponseJSON`.
    ///
    /// `options` are `PublicKeyCredentialRequestOptionsJSON`. The newest passkey of the relying party that is allowed
    /// is used.
    ///
    /// # Panics
    /// If the options lack a required member or no passkey fits them.
    pub fn authenticate(&mut self, options: &Value, origin: &str) -> String {
        let rp_id = text(&options["rpId"]);
        let allowed: Vec<_> = options["allowCredentials"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|descriptor| bytes(&descriptor["id"]))
            .collect();
        let passkey = self
            .passkeys
            .iter_mut()
            .rev()
            .filter(|passkey| passkey.rp_id == rp_id)
            .find(|passkey| allowed.is_empty() || allowed.contains(&passkey.id))
            .expect("a passkey fits the options");
        passkey.counter += self.behaviour.counter_step;

        let client_data = self.behaviour.client_data("webauthn.get", options, origin);
        let data = self.behaviour.authenticator_data(passkey, false);
        let mut signature = passkey.key.sign(&[&data[..], &sha256(client_data.as_bytes())].concat());
        if self.behaviour.corrupt_signature
            && let Some(last) = signature.last_mut()
        {
            *last ^= 1;
        }
        json!({
            "id": encode(&passkey.id),
            "rawId": encode(&passkey.id),
            "type": "public-key",
            "authenticatorAttachment": "platform",
            "response": {
                "clientDataJSON": encode(client_data.as_bytes()),
                "authenticatorData": encode(&data),
                "signature": encode(&signature),
                "userHandle": self.behaviour.user_handle.then(|| encode(&passkey.user_handle)),
            },
            "clientExtensionResults": {},
        })
        .to_string()
    }
}

impl Behaviour {
    fn client_data(&self, kind: &str, options: &Value, origin: &str) -> String {
        let challenge = match &self.challenge {
            Some(challenge) => encode(challenge),
            None => text(&options["challenge"]),
        };
        json!({
            "type": self.client_data_type.as_deref().unwrap_or(kind),
            "challenge": challenge,
            "origin": origin,
            "crossOrigin": self.cross_origin,
        })
        .to_string()
    }

    /// WebAuthn, section 6.1.
    fn authenticator_data(&self, passkey: &Passkey, attested: bool) -> Vec<u8> {
        let flags = [
            (self.user_present, 0),
            (self.user_verified, 2),
            (self.backup_eligible, 3),
            (self.backed_up, 4),
            (attested, 6),
            (self.unasked_extension, 7),
        ];
        let flags = flags.iter().fold(0u8, |flags, (set, bit)| flags | u8::from(*set) << bit);

        let mut data = sha256(self.rp_id.as_ref().unwrap_or(&passkey.rp_id).as_bytes());
        data.push(flags);
        data.extend(passkey.counter.to_be_bytes());
        if attested {
            data.extend([0; 16]);
            data.extend(u16::try_from(passkey.id.len()).expect("ids are short").to_be_bytes());
            data.extend(&passkey.id);
            data.extend(passkey.key.to_cose());
        }
        if self.unasked_extension {
            data.extend(cbor::map(&[(cbor::text("credProtect"), cbor::int(2))]));
        }
        data
    }

    /// WebAuthn, section 6.5.4.
    fn attestation_object(&self, passkey: &Passkey) -> Vec<u8> {
        let (format, statement) = match &self.attestation_format {
            None => ("none", cbor::map(&[])),
            Some(format) => (
                format.as_str(),
                cbor::map(&[
                    (cbor::text("alg"), cbor::int(passkey.key.cose_algorithm())),
                    (cbor::text("sig"), cbor::bytes(&[0; 64])),
                ]),
            ),
        };
        cbor::map(&[
            (cbor::text("fmt"), cbor::text(format)),
            (cbor::text("attStmt"), statement),
            (cbor::text("authData"), cbor::bytes(&self.authenticator_data(passkey, true))),
        ])
    }
}

impl Key {
    fn generate(algorithm: KeyAlgorithm) -> Self {
        match algorithm {
            KeyAlgorithm::Es256 => EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).map(Self::Es256),
            KeyAlgorithm::EdDsa => Ed25519KeyPair::generate().map(Self::EdDsa),
            KeyAlgorithm::Rs256 => RsaKeyPair::generate(KeySize::Rsa2048).map(Self::Rs256),
        }
        .expect("a key can be made")
    }

    fn cose_algorithm(&self) -> i64 {
        match self {
            Self::Es256(_) => -7,
            Self::EdDsa(_) => -8,
            Self::Rs256(_) => -257,
        }
    }

    /// RFC 9053, section 7; RFC 8230, section 4.
    fn to_cose(&self) -> Vec<u8> {
        let (key_type, parameters) = match self {
            Self::Es256(key) => {
                // An uncompressed point: 4, x, y.
                let point = key.public_key().as_ref();
                (2, vec![cbor::int(1), cbor::bytes(&point[1..33]), cbor::bytes(&point[33..])])
            }
            Self::EdDsa(key) => (1, vec![cbor::int(6), cbor::bytes(key.public_key().as_ref())]),
            Self::Rs256(key) => {
                let (n, e) = (key.public_key().modulus(), key.public_key().exponent());
                (
                    3,
                    vec![
                        cbor::bytes(n.big_endian_without_leading_zero()),
                        cbor::bytes(e.big_endian_without_leading_zero()),
                    ],
                )
            }
        };
        let mut entries = vec![(cbor::int(1), cbor::int(key_type)), (cbor::int(3), cbor::int(self.cose_algorithm()))];
        entries.extend((1..).map(|label: i64| cbor::int(-label)).zip(parameters));
        cbor::map(&entries)
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Self::Es256(key) => key.sign(&random, message).expect("signs").as_ref().to_vec(),
            Self::EdDsa(key) => key.sign(message).as_ref().to_vec(),
            Self::Rs256(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).expect("signs");
                signature
            }
        }
    }
}

fn sha256(bytes: &[u8]) -> Vec<u8> {
    digest(&SHA256, bytes).as_ref().to_vec()
}

fn encode(bytes: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

fn text(value: &Value) -> String {
    value.as_str().expect("the member is text").to_owned()
}

fn bytes(value: &Value) -> Vec<u8> {
    BASE64_URL_SAFE_NO_PAD.decode(text(value)).expect("the member is base64url")
}

/// Just enough of RFC 8949 to write what authenticators write.
mod cbor {
    pub(super) fn int(value: i64) -> Vec<u8> {
        match u64::try_from(value) {
            Ok(value) => head(0, value),
            Err(_) => head(1, (-1 - value).unsigned_abs()),
        }
    }

    pub(super) fn bytes(value: &[u8]) -> Vec<u8> {
        [&head(2, value.len() as u64)[..], value].concat()
    }

    pub(super) fn text(value: &str) -> Vec<u8> {
        [&head(3, value.len() as u64)[..], value.as_bytes()].concat()
    }

    pub(super) fn map(entries: &[(Vec<u8>, Vec<u8>)]) -> Vec<u8> {
        let mut map = head(5, entries.len() as u64);
        for (key, value) in entries {
            map.extend(key);
            map.extend(value);
        }
        map
    }

    fn head(major: u8, argument: u64) -> Vec<u8> {
        let major = major << 5;
        match argument {
            0..24 => vec![major | argument as u8],
            24..0x100 => vec![major | 24, argument as u8],
            0x100..0x1_0000 => [&[major | 25][..], &(argument as u16).to_be_bytes()].concat(),
            0x1_0000..0x1_0000_0000 => [&[major | 26][..], &(argument as u32).to_be_bytes()].concat(),
            _ => [&[major | 27][..], &argument.to_be_bytes()].concat(),
        }
    }
}
