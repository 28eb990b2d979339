//! One person, however the address is typed.

use std::fmt;

use sha2::{Digest, Sha256};
use unicode_normalization::UnicodeNormalization;

use crate::{crypto::hex, validation::EMAIL_MAX_BYTES};

#[cfg(test)]
mod tests;

/// The form of an e-mail address that is unique per tenant and is looked up: trimmed, NFC, lower case, the domain in its
/// ASCII form (IDNA, UTS 46).
///
/// Two spellings of one address have one key. Any text has a key, so that a lookup or a lockout of nonsense is an ordinary
/// miss; over-long text is replaced by its digest, so that what is stored stays short.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EmailKey(String);

impl EmailKey {
    /// The key of whatever was typed.
    pub fn new(typed: &str) -> Self {
        // Cut off before the costly steps: a megabyte of text is no address.
        if typed.len() > 4 * EMAIL_MAX_BYTES {
            return Self::digest(typed);
        }
        let text: String = typed.trim().nfc().collect::<String>().to_lowercase().nfc().collect();
        let key = match text.rsplit_once('@') {
            Some((local, domain)) => match idna::domain_to_ascii(domain) {
                Ok(ascii) if !ascii.is_empty() => format!("{local}@{ascii}"),
                _ => text,
            },
            None => text,
        };
        if key.len() > EMAIL_MAX_BYTES { Self::digest(typed) } else { Self(key) }
    }

    /// The key under which an adopted account is kept whose address differs from an older account's only in spelling: `=` and
    /// the exact address. It is found by exact match, which wins over [`EmailKey::new`].
    pub fn exact(typed: &str) -> Self {
        if typed.len() > EMAIL_MAX_BYTES { Self::digest(typed) } else { Self(format!("={typed}")) }
    }

    /// Of a megabyte only the beginning and the length are looked at: such text is nobody's, and two of them may share a key.
    fn digest(typed: &str) -> Self {
        let beginning = typed.as_bytes().get(..4 * EMAIL_MAX_BYTES).unwrap_or(typed.as_bytes());
        let digest = Sha256::new().chain_update(beginning).chain_update(typed.len().to_string()).finalize();
        Self(format!("#{}", hex(&digest)))
    }

    /// The key as stored.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EmailKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for EmailKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("EmailKey").field(&self.0).finish()
    }
}
