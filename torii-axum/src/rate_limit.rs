//! How often one address may try to sign in.

use std::{
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use governor::{
    Quota, RateLimiter,
    clock::{Clock, MonotonicClock},
    middleware::NoOpMiddleware,
    state::keyed::HashMapStateStore,
};
use torii::TenantId;

use crate::{ConnectionInfo, error::AuthError, gate::EnteredTenant, settings::AuthSettings};

#[cfg(test)]
mod tests;

/// How often one address of one tenant may use the routes that sign in or send mail, all of them together: `burst` times at once, then
/// once per `refill`.
///
/// An address is an IPv4 address or the /64 network of an IPv6 address, which is what one subscriber has. It counts in this process.
/// Limits per e-mail address are torii's own, and hold besides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    burst: NonZeroU32,
    refill: Duration,
}

impl RateLimit {
    /// `burst` requests at once, then one per `refill`. A `refill` of zero is a nanosecond.
    pub fn new(burst: NonZeroU32, refill: Duration) -> Self {
        Self { burst, refill: refill.max(Duration::from_nanos(1)) }
    }
}

impl Default for RateLimit {
    /// 20 at once, then one per 3 seconds.
    fn default() -> Self {
        Self::new(const { NonZeroU32::new(20).unwrap() }, Duration::from_secs(3))
    }
}

type Key = (TenantId, IpAddr);
type Counters<C> = RateLimiter<Key, HashMapStateStore<Key>, C, NoOpMiddleware<<C as Clock>::Instant>>;

/// Counts. Clones count together.
#[derive(Clone)]
pub(crate) struct Limiter<C: Clock + Clone = MonotonicClock> {
    limit: RateLimit,
    clock: C,
    counters: Arc<Mutex<Counters<C>>>,
}

/// How many addresses are counted at once. When there are more whose count matters, all are forgotten: whoever commands that many
/// addresses is not held up by a limit per address, and everybody else must not be.
const MAX_ADDRESSES: usize = 100_000;

impl Limiter {
    pub(crate) fn new(limit: RateLimit) -> Self {
        Self::with_clock(limit, MonotonicClock)
    }
}

impl<C: Clock + Clone> Limiter<C> {
    fn with_clock(limit: RateLimit, clock: C) -> Self {
        Self { limit, counters: Arc::new(Mutex::new(counters(limit, &clock))), clock }
    }

    /// Counts a request, or says how long to wait.
    fn admit(&self, tenant: TenantId, address: IpAddr) -> Result<(), Duration> {
        let mut counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        if counters.len() >= MAX_ADDRESSES {
            counters.retain_recent();
            if counters.len() >= MAX_ADDRESSES / 2 {
                *counters = self::counters(self.limit, &self.clock);
            }
        }
        counters.check_key(&(tenant, network(address))).map_err(|refused| refused.wait_time_from(self.clock.now()))
    }
}

fn counters<C: Clock + Clone>(limit: RateLimit, clock: &C) -> Counters<C> {
    let every = Quota::with_period(limit.refill).unwrap_or(Quota::per_second(limit.burst));
    RateLimiter::new(every.allow_burst(limit.burst), HashMapStateStore::default(), clock.clone())
}

/// What one subscriber has.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
        address => address,
    }
}

pub(crate) async fn limit(State(limiter): State<Limiter>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let client = match ConnectionInfo::of(&parts, parts.extensions.get::<AuthSettings>()) {
        Ok(client) => client,
        Err(rejection) => return rejection.into_response(),
    };
    let address = client.ip.as_deref().and_then(|address| address.parse().ok());
    let (Some(address), Some(EnteredTenant { tenant, .. })) = (address, parts.extensions.get()) else {
        let reason = "requests are to be limited by address, and the client's address is not known";
        return AuthError::InternalError(reason.to_owned()).into_response();
    };
    match limiter.admit(tenant.clone(), address) {
        Ok(()) => next.run(Request::from_parts(parts, body)).await,
        Err(wait) => {
            let retry_after_seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            AuthError::TooManyRequests { retry_after_seconds }.into_response()
        }
    }
}
