//! Whatever happens in other tenants, this one observes the same.

use std::fmt::Debug;

use proptest::{
    prelude::*,
    test_runner::{Config, TestError, TestRunner},
};
use tokio::{runtime::Handle, task::block_in_place};
use torii::{Clock, TenantId};

use self::{actor::Actor, operation::Operation};
use crate::{Provider, world::World};

mod actor;
mod operation;

/// How many random histories are run, each twice.
const CASES: u32 = 64;

/// What the tenant under test does, and what the others do before each step.
type History = Vec<(Vec<(bool, Operation)>, Operation)>;

fn histories() -> impl Strategy<Value = History> {
    let traffic = prop::collection::vec((any::<bool>(), operation::any_operation()), 0..5);
    prop::collection::vec((traffic, operation::any_operation()), 1..60)
}

/// Random operations here have the same results and cause the same events whether or not others are busy next door, with the same
/// addresses, passwords, identities, states and credential ids, and with the tokens that were issued here.
pub async fn traffic_next_door_changes_nothing<P: Provider>(w: &World<P>) {
    let config = Config { cases: CASES, failure_persistence: None, max_shrink_iters: 200, ..Config::default() };
    let observed_twice = |history: History| {
        // The runner is not asynchronous.
        block_in_place(|| {
            Handle::current().block_on(async {
                let quiet = observe(w, &history, false).await;
                let noisy = observe(w, &history, true).await;
                prop_assert_eq!(quiet, noisy);
                Ok(())
            })
        })
    };
    if let Err(TestError::Fail(reason, history)) = TestRunner::new(config).run(&histories(), observed_twice) {
        panic!("{reason}\nthe smallest history found: {history:#?}");
    }
}

/// What the tenant under test observes, beginning with nothing.
async fn observe<P: Provider>(w: &World<P>, history: &History, with_traffic: bool) -> Vec<String> {
    let start = w.clock.now();
    let first = if w.tenant().is_default() { TenantId::from_static("traffic-1") } else { TenantId::default_tenant() };
    let tenants = [w.tenant().clone(), first, TenantId::from_static("traffic-2")];
    for tenant in &tenants {
        w.torii.purge_tenant(tenant).await.unwrap();
    }
    // What is kept in the process is shared by the tenants, and begins anew too.
    let torii = w.torii_with(|torii| torii);
    let [mut here, mut first, mut second] = tenants.map(|tenant| Actor::new(torii.with_tenant(tenant)));
    w.events.take();

    let mut observed = Vec::new();
    for (traffic, operation) in history {
        for (which, operation) in traffic.iter().filter(|_| with_traffic) {
            let other = if *which { &mut first } else { &mut second };
            other.try_tokens_of(&here).await;
            other.apply(operation, None).await;
        }
        observed.push(format!("{operation:?}: {}", here.apply(operation, Some(&w.clock)).await));
        observed.extend(events(w, &mut here));
    }
    torii.flush_mail().await;
    drop(w.outbox.take());
    w.clock.set(start);
    observed
}

/// What was reported here since this was last asked.
fn events<P: Provider>(w: &World<P>, here: &mut Actor<P>) -> Vec<String> {
    let here_only = w.events.take().into_iter().filter(|(tenant, _)| tenant == w.tenant());
    here_only.map(|(_, event)| here.describe_event(&event)).collect()
}

/// An answer, with what is random in it left out or renamed.
fn answer<T, E: Debug + std::fmt::Display>(result: Result<T, E>, describe: impl FnOnce(T) -> String) -> String {
    match result {
        Ok(value) => describe(value),
        Err(error) => format!("refused: {error}"),
    }
}
