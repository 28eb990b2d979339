//! How large tenants are, by rank.

/// Shares in proportion to rank to the power of minus the skew, which add up to 1.
#[derive(Debug)]
pub(super) struct Zipf {
    shares: Vec<f64>,
}

impl Zipf {
    pub(super) fn new(tenants: u32, skew: f64) -> Self {
        let weights: Vec<f64> = (1..=tenants).map(|rank| f64::from(rank).powf(-skew)).collect();
        let total: f64 = weights.iter().sum();
        Self { shares: weights.into_iter().map(|weight| weight / total).collect() }
    }

    /// The share of the tenant of a rank from 1 on; 0 of one that is not there.
    pub(super) fn share(&self, rank: u32) -> f64 {
        let index = (rank as usize).checked_sub(1);
        index.and_then(|index| self.shares.get(index)).copied().unwrap_or_default()
    }

    /// The share of the `count` largest together.
    pub(super) fn share_of_first(&self, count: u32) -> f64 {
        self.shares.iter().take(count as usize).sum()
    }

    /// All shares, the largest first.
    pub(super) fn shares(&self) -> &[f64] {
        &self.shares
    }
}
