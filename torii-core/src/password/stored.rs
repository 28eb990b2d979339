//! Password hashes as they are stored: PHC strings
//! (<https://github.com/P-H-C/phc-string-format/blob/master/phc-sf-spec.md>).

use argon2::{Algorithm, Params, Version};
use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use password_hash::phc::PasswordHash;

use super::recipe::{Recipe, Tag};

/// The most memory a stored hash may ask for: 1 GiB. A planted hash must not exhaust the machine.
const MAX_MEMORY_KIB: u32 = 1024 * 1024;

/// The most work a stored hash may ask for, in KiB times passes: 4 GiB, some seconds. A planted hash must not
/// keep a thread from everybody else for longer.
const MAX_WORK_KIB: u64 = 4 * 1024 * 1024;

/// A hash that this pool can check.
pub(super) struct StoredHash {
    pub(super) recipe: Recipe,
    pub(super) tag: Tag,
}

impl StoredHash {
    /// `None` for anything but a complete Argon2 hash with affordable parameters.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let hash = PasswordHash::new(text).ok()?;
        let algorithm: Algorithm = hash.algorithm.as_str().parse().ok()?;
        // The reference implementation reads a hash without a version as version 16, which wrote none.
        let version = hash.version.map_or(Ok(Version::V0x10), Version::try_from).ok()?;
        let params = Params::try_from(&hash).ok()?;
        let salt = hash.salt?.to_vec();
        let tag = Tag::new(hash.hash?.as_bytes().to_vec());
        is_affordable(&params).then(|| Self { recipe: Recipe { algorithm, version, params, salt }, tag })
    }

    /// Whether new hashes would be made stronger, or otherwise, than this one.
    ///
    /// Each cost is compared on its own: a hash with more memory and fewer passes is replaced too, so that all
    /// hashes converge on one set of parameters. Lanes do not make a hash stronger and are not compared.
    pub(super) fn is_outdated(&self, current: &Recipe) -> bool {
        let mine = &self.recipe;
        mine.algorithm != current.algorithm
            || mine.version != current.version
            || mine.params.m_cost() < current.params.m_cost()
            || mine.params.t_cost() < current.params.t_cost()
            || mine.salt.len() < current.salt.len()
            || self.tag.len() < current.tag_length()
    }
}

/// Whether a computation with these parameters is something this pool is willing to do.
pub(super) fn is_affordable(params: &Params) -> bool {
    params.m_cost() <= MAX_MEMORY_KIB && u64::from(params.m_cost()) * u64::from(params.t_cost()) <= MAX_WORK_KIB
}

/// The PHC string of a new hash.
pub(super) fn encode(recipe: &Recipe, tag: &Tag) -> String {
    format!(
        "${}$v={}$m={},t={},p={}${}${}",
        recipe.algorithm,
        u32::from(recipe.version),
        recipe.params.m_cost(),
        recipe.params.t_cost(),
        recipe.params.p_cost(),
        STANDARD_NO_PAD.encode(&recipe.salt),
        STANDARD_NO_PAD.encode(tag),
    )
}
