use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
};
use minicbor::{Decoder, data::Type, decode::Error as CborError};

use super::PasskeyError;

/// Algorithm identifiers of the [IANA registry](https://www.iana.org/assignments/cose/cose.xhtml#algorithms).
const EDDSA: i64 = -8;
const ES256: i64 = -7;
const RS256: i64 = -257;

/// What new credentials may use, best first. Practically every authenticator knows ES256; RS256 is there for the TPMs
/// behind older Windows Hello (WebAuthn, section 5.4, `pubKeyCredParams`).
pub(super) const ALGORITHMS: [i64; 3] = [EDDSA, ES256, RS256];

/// A credential public key, known to be a valid key of its algorithm.
pub(super) struct PublicKey(ParsedPublicKey);

impl PublicKey {
    /// Reads a `COSE_Key` that is all of `bytes`.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, PasskeyError> {
        match Self::parse_prefix(bytes)? {
            (key, length) if length == bytes.len() => Ok(key),
            _ => Err(PasskeyError::InvalidPublicKey { source: None }),
        }
    }

    /// Reads a `COSE_Key` from the front of `bytes` and gives its length in bytes.
    pub(super) fn parse_prefix(bytes: &[u8]) -> Result<(Self, usize), PasskeyError> {
        let mut decoder = Decoder::new(bytes);
        let parameters = Parameters::read(&mut decoder)?;
        Ok((Self(parameters.into_key()?), decoder.position()))
    }

    pub(super) fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), PasskeyError> {
        // The library's error says nothing beyond "unspecified", on purpose.
        self.0.verify_sig(message, signature).map_err(|_| PasskeyError::InvalidSignature)
    }
}

/// The parameters that the supported key types use (RFC 9053, section 7; RFC 8230, section 4).
#[derive(Default)]
struct Parameters<'a> {
    key_type: Option<i64>,
    algorithm: Option<i64>,
    minus_1: Option<Parameter<'a>>,
    minus_2: Option<Parameter<'a>>,
    minus_3: Option<Parameter<'a>>,
}

#[derive(Clone, Copy)]
enum Parameter<'a> {
    Int(i64),
    Bytes(&'a [u8]),
}

impl<'a> Parameters<'a> {
    fn read(decoder: &mut Decoder<'a>) -> Result<Self, PasskeyError> {
        let mut this = Self::default();
        // CTAP2's canonical form knows definite lengths only.
        let entries = decoder.map().map_err(unreadable)?.ok_or_else(unusable)?;
        for _ in 0..entries {
            if decoder.datatype().map_err(unreadable)? == Type::String {
                decoder.skip().and_then(|()| decoder.skip()).map_err(unreadable)?;
                continue;
            }
            match decoder.i64().map_err(unreadable)? {
                1 => set(&mut this.key_type, decoder.i64())?,
                3 => set(&mut this.algorithm, decoder.i64())?,
                -1 => set(&mut this.minus_1, parameter(decoder))?,
                -2 => set(&mut this.minus_2, parameter(decoder))?,
                -3 => set(&mut this.minus_3, parameter(decoder))?,
                _ => decoder.skip().map_err(unreadable)?,
            }
        }
        Ok(this)
    }

    fn into_key(self) -> Result<ParsedPublicKey, PasskeyError> {
        use Parameter::{Bytes, Int};

        let algorithm = self.algorithm.ok_or_else(unusable)?;
        let parsed = match (algorithm, self.key_type, self.minus_1, self.minus_2, self.minus_3) {
            // Octet key pair (1) on Ed25519 (6).
            (EDDSA, Some(1), Some(Int(6)), Some(Bytes(x)), None) if x.len() == 32 => ParsedPublicKey::new(&ED25519, x),
            // Elliptic curve (2) on P-256 (1). WebAuthn, section 5.8.5, forbids the compressed form.
            (ES256, Some(2), Some(Int(1)), Some(Bytes(x)), Some(Bytes(y))) if x.len() == 32 && y.len() == 32 => {
                // The uncompressed point of SEC 1, section 2.3.3.
                ParsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, [&[4], x, y].concat())
            }
            // RSA (3): modulus and exponent.
            (RS256, Some(3), Some(Bytes(n)), Some(Bytes(e)), None)
                if (256..=1024).contains(&n.len()) && (1..=8).contains(&e.len()) =>
            {
                RsaPublicKeyComponents { n, e }.to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256)
            }
            (EDDSA | ES256 | RS256, ..) => return Err(unusable()),
            _ => return Err(PasskeyError::UnsupportedAlgorithm { algorithm }),
        };
        parsed.map_err(|source| PasskeyError::InvalidPublicKey { source: Some(Box::new(source)) })
    }
}

fn parameter<'a>(decoder: &mut Decoder<'a>) -> Result<Parameter<'a>, CborError> {
    match decoder.datatype()? {
        Type::Bytes => decoder.bytes().map(Parameter::Bytes),
        _ => decoder.i64().map(Parameter::Int),
    }
}

/// A parameter that comes twice is an error: two readers could disagree on which one counts.
fn set<T>(slot: &mut Option<T>, value: Result<T, CborError>) -> Result<(), PasskeyError> {
    match slot.replace(value.map_err(unreadable)?) {
        None => Ok(()),
        Some(_) => Err(unusable()),
    }
}

fn unusable() -> PasskeyError {
    PasskeyError::InvalidPublicKey { source: None }
}

fn unreadable(source: CborError) -> PasskeyError {
    PasskeyError::InvalidPublicKey { source: Some(Box::new(source)) }
}
