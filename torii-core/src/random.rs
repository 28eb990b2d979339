//! The one source of randomness: the operating system's generator.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};

/// Fills `buffer` with bytes from the operating system's generator.
///
/// # Panics
/// If the operating system has no working generator. Nothing secret can be made then, and the callers' signatures
/// (`UserId::new_random() -> UserId`) leave no way to say so.
#[expect(clippy::disallowed_methods, clippy::expect_used, reason = "the one place that asks the operating system")]
pub(crate) fn fill(buffer: &mut [u8]) {
    getrandom::fill(buffer).expect("the operating system provides random bytes");
}

/// A token of 32 random bytes as base64url without padding: 43 characters, 256 bits.
pub(crate) fn token() -> String {
    let mut bytes = zeroize::Zeroizing::new([0; 32]);
    fill(bytes.as_mut());
    BASE64_URL_SAFE_NO_PAD.encode(*bytes)
}
