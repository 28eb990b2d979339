use governor::clock::FakeRelativeClock;

use super::*;

const ACME: TenantId = TenantId::from_static("acme");

fn limiter(burst: u32) -> (Limiter<FakeRelativeClock>, FakeRelativeClock) {
    let clock = FakeRelativeClock::default();
    let limit = RateLimit::new(NonZeroU32::new(burst).unwrap(), Duration::from_secs(10));
    (Limiter::with_clock(limit, clock.clone()), clock)
}

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn a_burst_is_followed_by_one_per_period() {
    let (limiter, clock) = limiter(2);
    let admit = || limiter.admit(ACME, address("192.0.2.1"));
    assert!(admit().is_ok() && admit().is_ok());
    assert_eq!(admit(), Err(Duration::from_secs(10)));
    clock.advance(Duration::from_secs(4));
    assert_eq!(admit(), Err(Duration::from_secs(6)));
    clock.advance(Duration::from_secs(6));
    assert!(admit().is_ok());
    assert!(admit().is_err());
}

#[test]
fn tenants_and_addresses_count_apart() {
    let (limiter, _) = limiter(1);
    assert!(limiter.admit(ACME, address("192.0.2.1")).is_ok());
    assert!(limiter.admit(ACME, address("192.0.2.1")).is_err());
    assert!(limiter.admit(ACME, address("::ffff:192.0.2.1")).is_err(), "it is the same address");
    assert!(limiter.admit(ACME, address("192.0.2.2")).is_ok());
    assert!(limiter.admit(TenantId::from_static("globex"), address("192.0.2.1")).is_ok());
}

#[test]
fn a_subscriber_has_a_network() {
    let (limiter, _) = limiter(1);
    assert!(limiter.admit(ACME, address("2001:db8:0:1::1")).is_ok());
    assert!(limiter.admit(ACME, address("2001:db8:0:1:ffff:ffff:ffff:ffff")).is_err());
    assert!(limiter.admit(ACME, address("2001:db8:0:2::1")).is_ok());
}

#[test]
fn the_table_has_a_bound() {
    let (limiter, _) = limiter(1);
    let most = u32::try_from(MAX_ADDRESSES).unwrap();
    for number in 0..most + 10 {
        assert!(limiter.admit(ACME, IpAddr::from(number.to_be_bytes())).is_ok(), "{number}");
        assert!(limiter.counters.lock().unwrap().len() <= MAX_ADDRESSES);
    }
}

#[test]
fn the_smallest_limit_is_one() {
    let limit = RateLimit::new(NonZeroU32::MIN, Duration::ZERO);
    assert!(Limiter::new(limit).admit(ACME, address("192.0.2.1")).is_ok());
    assert!(Limiter::new(RateLimit::default()).admit(ACME, address("192.0.2.1")).is_ok());
}
