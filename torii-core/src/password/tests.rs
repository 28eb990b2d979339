mod config;
mod hashes;
mod pool;

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, Waker},
};

use super::HashingConfig;
use crate::tenant::TenantId;

static A: TenantId = TenantId::from_static("tenant-a");
static B: TenantId = TenantId::from_static("tenant-b");

fn fast() -> HashingConfig {
    HashingConfig::insecure_fast_for_tests().threads(1)
}

/// Polls once, so that the request is in the queue when this returns.
fn begin<F: Future>(future: F) -> Pin<Box<F>> {
    let mut future = Box::pin(future);
    assert!(poll(&mut future).is_pending(), "the request should be waiting");
    future
}

fn poll<F: Future>(future: &mut Pin<Box<F>>) -> Poll<F::Output> {
    future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}
