//! Prefixed random ids, such as `usr_2vSx9QmPqL8Z3kF1`.

/// The fewest random bytes of an id: 96 bits.
const MIN_BYTES: usize = 12;

/// `prefix`, `_`, and 12 random bytes in base58 (Bitcoin alphabet).
pub fn generate_prefixed_id(prefix: &str) -> String {
    random_id(prefix, MIN_BYTES)
}

/// Like [`generate_prefixed_id`] with `bytes` random bytes.
///
/// # Panics
/// If `bytes` is less than 12.
pub fn generate_prefixed_id_with_bytes(prefix: &str, bytes: usize) -> String {
    assert!(bytes >= MIN_BYTES, "Minimum 12 bytes (96 bits) of entropy required");
    random_id(prefix, bytes)
}

fn random_id(prefix: &str, bytes: usize) -> String {
    let mut random = vec![0; bytes];
    crate::random::fill(&mut random);
    format!("{prefix}_{}", bs58::encode(random).into_string())
}

/// Whether `id` is `expected_prefix`, `_`, and base58 of at least 12 bytes.
pub fn validate_prefixed_id(id: &str, expected_prefix: &str) -> bool {
    id.strip_prefix(expected_prefix)
        .and_then(|rest| rest.strip_prefix('_'))
        // base58 decoding takes quadratic time: a megabyte of text is no id.
        .filter(|encoded| encoded.len() <= 512)
        .and_then(|encoded| bs58::decode(encoded).into_vec().ok())
        .is_some_and(|bytes| bytes.len() >= MIN_BYTES)
}

/// The text before the first `_`.
pub fn extract_prefix(id: &str) -> Option<&str> {
    id.split_once('_').map(|(prefix, _)| prefix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_valid_and_differ() {
        let first = generate_prefixed_id("usr");
        assert!(validate_prefixed_id(&first, "usr"), "{first}");
        assert!(!validate_prefixed_id(&first, "ses"));
        assert_ne!(first, generate_prefixed_id("usr"));
        assert!((17..=21).contains(&first.len()), "{first}");
    }

    #[test]
    fn what_is_no_id() {
        for id in ["", "usr", "usr_", "usr_0OIl", "usr_abc", "_abc"] {
            assert!(!validate_prefixed_id(id, "usr"), "{id}");
        }
        assert!(!validate_prefixed_id(&format!("usr_{}", "1".repeat(1_000_000)), "usr"));
    }

    #[test]
    fn prefixes() {
        assert_eq!(extract_prefix("usr_abc_d"), Some("usr"));
        assert_eq!(extract_prefix("_abc"), Some(""));
        assert_eq!(extract_prefix("abc"), None);
    }

    #[test]
    #[should_panic(expected = "Minimum 12 bytes")]
    fn too_little_entropy_is_refused() {
        generate_prefixed_id_with_bytes("usr", 11);
    }
}
