//! How much mail one address can be made to receive.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
};

use chrono::{DateTime, Duration, Utc};
use torii_core::{EmailKey, TenantId, clock::saturating_add};

#[cfg(test)]
mod tests;

/// How many mails of a kind can be asked for, for one address in one tenant, before further ones are refused. Keeps strangers from
/// filling somebody's mailbox (OWASP Forgot Password Cheat Sheet).
///
/// Counted in this process, whether anybody owns the address or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MailLimit {
    /// How many, at least 1.
    pub per_address: u32,
    /// In how long a time.
    pub window: Duration,
}

impl Default for MailLimit {
    /// Ten in 15 minutes.
    fn default() -> Self {
        Self { per_address: 10, window: Duration::minutes(15) }
    }
}

/// Addresses that are remembered at most. Beyond it the one that was asked for first is forgotten.
const CAPACITY: usize = 16_384;

/// Counts mails.
#[derive(Clone)]
pub(crate) struct MailLimiter {
    limit: MailLimit,
    counts: Arc<Mutex<Counts>>,
}

type Key = (TenantId, EmailKey, &'static str);

#[derive(Default)]
struct Counts {
    windows: HashMap<Key, Window>,
    /// In the order in which their windows began.
    order: VecDeque<(Key, DateTime<Utc>)>,
}

struct Window {
    began: DateTime<Utc>,
    count: u32,
}

impl MailLimiter {
    pub(crate) fn new(limit: MailLimit) -> Self {
        Self { limit, counts: Arc::default() }
    }

    fn window(&self) -> Duration {
        self.limit.window.max(Duration::zero())
    }

    /// Counts a mail that is about to be sent at `now`. If it is one too many: after how many seconds the next may be.
    pub(crate) fn admit(
        &self,
        tenant: &TenantId,
        email: &str,
        kind: &'static str,
        now: DateTime<Utc>,
    ) -> Result<(), u64> {
        // Another thread's panic leaves only counts behind.
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.forget_ended(saturating_add(now, -self.window()));
        let key = (tenant.clone(), EmailKey::new(email), kind);
        if let Some(window) = counts.windows.get_mut(&key) {
            if window.count >= self.limit.per_address.max(1) {
                let wait = (saturating_add(window.began, self.window()) - now).num_seconds().max(0);
                return Err(u64::try_from(wait).unwrap_or(0) + 1);
            }
            window.count += 1;
            return Ok(());
        }
        counts.windows.insert(key.clone(), Window { began: now, count: 1 });
        counts.order.push_back((key, now));
        if counts.order.len() > CAPACITY {
            counts.forget_oldest();
        }
        Ok(())
    }
}

impl Counts {
    fn forget_ended(&mut self, began_before: DateTime<Utc>) {
        while self.order.front().is_some_and(|(_, began)| *began <= began_before) {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        if let Some((key, _)) = self.order.pop_front() {
            self.windows.remove(&key);
        }
    }
}
