//! One Argon2 computation, whatever it is for.

use argon2::{Algorithm, Argon2, Block, Params, Version};
use zeroize::{Zeroize, Zeroizing};

use super::config::TAG_LENGTH;

/// The output of a computation. As secret as the hash that is stored.
pub(super) type Tag = Zeroizing<Vec<u8>>;

/// Everything that goes into a tag, except the password.
#[derive(Clone)]
pub(super) struct Recipe {
    pub(super) algorithm: Algorithm,
    pub(super) version: Version,
    pub(super) params: Params,
    pub(super) salt: Vec<u8>,
}

impl Recipe {
    /// What new hashes are made of: Argon2id, version 19.
    pub(super) fn current(params: Params, salt: Vec<u8>) -> Self {
        Self { algorithm: Algorithm::Argon2id, version: Version::V0x13, params, salt }
    }

    pub(super) fn tag_length(&self) -> usize {
        self.params.output_len().unwrap_or(TAG_LENGTH)
    }

    pub(super) fn compute(&self, password: &[u8], memory: &mut Memory) -> Result<Tag, argon2::Error> {
        let mut tag = Zeroizing::new(vec![0; self.tag_length()]);
        let blocks = memory.blocks(self.params.block_count())?;
        Argon2::new(self.algorithm, self.version, self.params.clone())
            .hash_password_into_with_memory(password, &self.salt, &mut tag, blocks)?;
        Ok(tag)
    }
}

/// The working memory of one thread, kept from one computation to the next.
///
/// What a computation leaves behind would let its finder test guesses of the password, so it does not stay:
/// the next computation overwrites it, and when there is none [`Memory::wipe`] does.
#[derive(Default)]
pub(super) struct Memory {
    blocks: Vec<Block>,
    used: usize,
}

impl Memory {
    fn blocks(&mut self, count: usize) -> Result<&mut [Block], argon2::Error> {
        if self.blocks.len() < count {
            // A new allocation does not carry the old content over, and an impossible one is an error.
            self.release();
            self.blocks.try_reserve_exact(count).map_err(|_| argon2::Error::OutOfMemory)?;
            self.blocks.resize(count, Block::new());
        }
        self.used = self.used.max(count);
        self.blocks.get_mut(..count).ok_or(argon2::Error::OutOfMemory)
    }

    /// Overwrites what the computations since the last wipe left behind.
    pub(super) fn wipe(&mut self) {
        for block in self.blocks.iter_mut().take(self.used) {
            block.zeroize();
        }
        self.used = 0;
    }

    /// Gives back the memory of an unusually expensive computation.
    pub(super) fn shrink_to(&mut self, count: usize) {
        if self.blocks.len() > count {
            self.release();
        }
    }

    fn release(&mut self) {
        self.wipe();
        self.blocks = Vec::new();
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.blocks.len()
    }

    #[cfg(test)]
    pub(super) fn is_clean(&self) -> bool {
        self.blocks.iter().all(|block| block.as_ref().iter().all(|&word| word == 0))
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.wipe();
    }
}
