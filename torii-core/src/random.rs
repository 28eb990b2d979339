//! The one source of randomness: the operating system's generator.

use std::time::Duration;

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

/// A length of time from half of `longest` to all of it. Callers that got into each other's way wait for one before they try again,
/// each for another, so that they do not meet again.
///
/// # Panics
/// If the operating system has no working generator.
pub fn jitter(longest: Duration) -> Duration {
    let mut bytes = [0; 4];
    fill(&mut bytes);
    let half = longest / 2;
    longest.saturating_sub(half.mul_f64(f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn waits_differ_and_are_bounded() {
        let longest = Duration::from_millis(80);
        let lengths: BTreeSet<_> = (0..1000).map(|_| jitter(longest)).collect();
        assert!(lengths.len() > 900, "{} of 1000 lengths differ", lengths.len());
        assert!(lengths.iter().all(|length| (longest / 2..=longest).contains(length)));
        assert_eq!(jitter(Duration::ZERO), Duration::ZERO);
    }
}
