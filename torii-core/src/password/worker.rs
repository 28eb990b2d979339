//! What a hashing thread does.

use std::{
    io,
    sync::{Arc, atomic::Ordering},
    thread::{Builder, JoinHandle},
};

use secrecy::ExposeSecret;

use super::{
    error::HashingError,
    pool::{Job, Shared},
    recipe::Memory,
};

/// Lower than everything that answers requests: a session check must not wait for a sign-in.
#[cfg(target_os = "linux")]
const NICE: i32 = 10;

pub(super) fn start(number: u64, shared: Arc<Shared>) -> io::Result<JoinHandle<()>> {
    Builder::new().name(format!("torii-hash-{number}")).spawn(move || run(&shared))
}

fn run(shared: &Shared) {
    lower_priority();
    let mut memory = Memory::default();
    loop {
        let next = shared.try_next().or_else(|| {
            memory.wipe();
            shared.wait_next()
        });
        match next {
            Some((_, job)) => perform(job, &mut memory, shared),
            None => return,
        }
    }
}

/// Computes one job and answers it. No lock is held.
pub(super) fn perform(job: Job, memory: &mut Memory, shared: &Shared) {
    let Job { password, recipe, started, answer } = job;
    if started.send(()).is_err() {
        return;
    }
    let tag = recipe.compute(password.expose_secret().as_bytes(), memory).map_err(HashingError::Hash);
    drop(password);
    shared.computations.fetch_add(1, Ordering::Relaxed);
    // The caller may have gone meanwhile: the tag is wiped and forgotten.
    let _ = answer.send(tag);
    memory.shrink_to(shared.kept_blocks);
}

/// On Linux a priority belongs to a thread, not to the process (setpriority(2), "C library/kernel differences").
/// Failing to lower it makes hashing less polite, not wrong.
#[cfg(target_os = "linux")]
pub(super) fn lower_priority() {
    use rustix::{
        process::{getpriority_process, setpriority_process},
        thread::gettid,
    };

    let thread = Some(gettid());
    if getpriority_process(thread).is_ok_and(|nice| nice < NICE) {
        let _ = setpriority_process(thread, NICE);
    }
}

#[cfg(not(target_os = "linux"))]
pub(super) fn lower_priority() {}
