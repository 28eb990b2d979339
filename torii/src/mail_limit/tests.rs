use super::*;

const KIND: &str = "magic_link";

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000 + seconds, 0).unwrap()
}

fn limiter(per_address: u32) -> MailLimiter {
    MailLimiter::new(MailLimit { per_address, window: Duration::seconds(60) })
}

#[test]
fn the_limit_holds_for_every_spelling_and_ends_with_the_window() {
    let (limiter, tenant) = (limiter(2), TenantId::default());
    assert_eq!(limiter.admit(&tenant, "a@x.co", KIND, at(0)), Ok(()));
    assert_eq!(limiter.admit(&tenant, "A@X.CO", KIND, at(30)), Ok(()));
    assert_eq!(limiter.admit(&tenant, " a@x.co", KIND, at(40)), Err(21));
    assert_eq!(limiter.admit(&tenant, "a@x.co", KIND, at(60)), Ok(()));
}

#[test]
fn other_addresses_kinds_and_tenants_count_apart() {
    let (limiter, tenant) = (limiter(1), TenantId::default());
    assert_eq!(limiter.admit(&tenant, "a@x.co", KIND, at(0)), Ok(()));
    assert_eq!(limiter.admit(&tenant, "b@x.co", KIND, at(0)), Ok(()));
    assert_eq!(limiter.admit(&tenant, "a@x.co", "password_reset", at(0)), Ok(()));
    assert_eq!(limiter.admit(&TenantId::from_static("acme"), "a@x.co", KIND, at(0)), Ok(()));
    assert!(limiter.admit(&tenant, "a@x.co", KIND, at(0)).is_err());
}

#[test]
fn absurd_windows_do_not_panic() {
    for window in [Duration::MAX, Duration::MIN, Duration::zero()] {
        let limiter = MailLimiter::new(MailLimit { per_address: 1, window });
        let _ = limiter.admit(&TenantId::default(), "a@x.co", KIND, at(0));
        let _ = limiter.admit(&TenantId::default(), "a@x.co", KIND, at(1));
    }
}

#[test]
fn memory_is_bounded() {
    let (limiter, tenant) = (limiter(1), TenantId::default());
    for number in 0..CAPACITY + 10 {
        let _ = limiter.admit(&tenant, &format!("{number}@x.co"), KIND, at(0));
    }
    let counts = limiter.counts.lock().unwrap();
    assert_eq!((counts.windows.len(), counts.order.len()), (CAPACITY, CAPACITY));
}
