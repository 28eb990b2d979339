//! Lifetimes and limits that a call runs under.

use chrono::TimeDelta;

use crate::lockout::BruteForceProtectionConfig;

/// Lifetimes and limits in force for a tenant.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TenantPolicy {
    /// How long a session lasts from its creation or its last refresh.
    pub session_lifetime: TimeDelta,
    /// How long a session lasts in all, however often it is refreshed. `None`: no such end.
    pub session_max_lifetime: Option<TimeDelta>,
    /// How many wrong passwords are borne, and what follows.
    pub brute_force_protection: BruteForceProtectionConfig,
}

impl TenantPolicy {
    /// How long a session lasts that begins now.
    pub fn first_session_lifetime(&self) -> TimeDelta {
        self.session_max_lifetime.map_or(self.session_lifetime, |longest| longest.min(self.session_lifetime))
    }
}

impl Default for TenantPolicy {
    /// Sessions of 30 days, no end beyond that, lockout after 5 wrong passwords for 15 minutes.
    fn default() -> Self {
        Self {
            session_lifetime: TimeDelta::days(30),
            session_max_lifetime: None,
            brute_force_protection: BruteForceProtectionConfig::default(),
        }
    }
}
