//! Tenants on nodes.

use super::zipf::Zipf;

/// The busiest of some nodes.
#[derive(Debug, PartialEq)]
pub(super) struct Load {
    /// Its part of everything.
    pub(super) busiest: f64,
    /// What part of that is its largest tenant: what no spreading of tenants can take away.
    pub(super) largest_tenant: f64,
}

impl Load {
    /// Where a hash of a tenant's id decides, as it does where nobody moves tenants by hand.
    pub(super) fn by_hash(zipf: &Zipf, nodes: u32) -> Self {
        let mut loads = vec![(0.0_f64, 0.0_f64); nodes.max(1) as usize];
        for (rank, share) in zipf.shares().iter().enumerate() {
            let node = mix(rank as u64) % loads.len() as u64;
            let (load, largest) = &mut loads[node as usize];
            *load += share;
            // The largest come first.
            *largest = largest.max(*share);
        }
        let busiest = loads.into_iter().reduce(|one, other| if other.0 > one.0 { other } else { one });
        let (busiest, largest) = busiest.unwrap_or_default();
        Self { busiest, largest_tenant: if busiest > 0.0 { largest / busiest } else { 0.0 } }
    }
}

/// A hash for spreading: SplitMix64 (Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators", 2014).
fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
