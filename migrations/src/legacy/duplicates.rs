//! Finding keys that occur twice, in bounded memory.

/// Hashes that are held at a time: 32 MiB.
const HELD: u64 = 4 << 20;

/// As many passes over the rows as it takes to hold the hashes of one at a time.
#[derive(Clone, Copy)]
pub(super) struct Passes(u64);

/// One of them: it looks after its share of the hashes.
#[derive(Clone, Copy)]
pub(super) struct Pass {
    number: u64,
    of: u64,
}

impl Passes {
    pub(super) fn of(rows: u64) -> Self {
        Self(rows.div_ceil(HELD).max(1))
    }

    pub(super) fn count(self) -> u64 {
        self.0
    }

    pub(super) fn all(self) -> impl Iterator<Item = Pass> {
        (0..self.0).map(move |number| Pass { number, of: self.0 })
    }
}

impl Pass {
    pub(super) fn is_first(self) -> bool {
        self.number == 0
    }

    pub(super) fn collect(self, hash: u64, hashes: &mut Vec<u64>) {
        if hash % self.of == self.number {
            hashes.push(hash);
        }
    }
}

/// Hashes that occurred more than once.
pub(super) struct Doubled(Vec<u64>);

impl Doubled {
    pub(super) fn find(mut hashes: Vec<u64>) -> Vec<u64> {
        hashes.sort_unstable();
        let mut doubled: Vec<u64> = hashes
            .windows(2)
            .filter_map(|pair| if let [a, b] = pair { (a == b).then_some(*a) } else { None })
            .collect();
        doubled.dedup();
        doubled
    }

    pub(super) fn new(mut hashes: Vec<u64>) -> Self {
        hashes.sort_unstable();
        Self(hashes)
    }

    pub(super) fn contains(&self, hash: u64) -> bool {
        self.0.binary_search(&hash).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_hash_is_looked_at_in_one_pass() {
        let passes = Passes::of(3 * HELD);
        assert_eq!(passes.count(), 3);
        let mut all = Vec::new();
        for pass in passes.all() {
            for hash in 0..100 {
                pass.collect(hash, &mut all);
            }
        }
        all.sort_unstable();
        assert_eq!(all, (0..100).collect::<Vec<_>>());
        assert_eq!(Passes::of(0).count(), 1);
    }

    #[test]
    fn doubles_are_found_once() {
        assert_eq!(Doubled::find(vec![3, 1, 3, 2, 3, 1]), [1, 3]);
        assert!(Doubled::new(vec![3, 1]).contains(3) && !Doubled::new(vec![3, 1]).contains(2));
    }
}
