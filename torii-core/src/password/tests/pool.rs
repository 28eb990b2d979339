use std::{
    future::pending,
    io,
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

use tokio::time::timeout;

use super::{A, B, begin, fast, poll};
use crate::{
    password::{HashingError, PasswordHasher, Verification, pool::Job, recipe::Memory, worker},
    tenant::TenantId,
};

fn assert_busy<T: std::fmt::Debug>(answer: Result<T, HashingError>, expected: Duration) {
    match answer {
        Err(HashingError::Busy { retry_after }) => assert_eq!(retry_after, expected),
        other => panic!("expected busy, got {other:?}"),
    }
}

#[tokio::test]
async fn a_tenant_with_one_request_is_served_second_behind_fifty_of_another() {
    let hasher = PasswordHasher::paused(fast());
    let flood: Vec<_> = (0..50).map(|_| begin(hasher.hash(&A, "password"))).collect();
    let single = begin(hasher.verify(&B, "password", None));
    assert_eq!(hasher.queue_len(), 51);
    assert_eq!(hasher.run_next(), Some(A.clone()));
    assert_eq!(hasher.run_next(), Some(B.clone()));
    assert_eq!(single.await.unwrap(), Verification::Wrong);
    for request in flood.into_iter().rev().skip(49) {
        // The oldest of the flood was the one that ran.
        assert!(request.await.unwrap().starts_with("$argon2id$"));
    }
    assert_eq!(hasher.computations(), 2);
}

#[tokio::test]
async fn a_full_queue_takes_the_newest_place_of_the_greediest_tenant() {
    let wait = Duration::from_secs(7);
    let hasher = PasswordHasher::paused(fast().queue_capacity(3).max_wait(wait));
    let mut flood: Vec<_> = (0..3).map(|_| begin(hasher.hash(&A, "password"))).collect();
    assert_busy(hasher.hash(&A, "password").await, wait);
    let newcomer = begin(hasher.hash(&B, "password"));
    assert_busy(flood.pop().unwrap().await, wait);
    // Two places to one: another would only turn the tables.
    assert_busy(hasher.hash(&B, "password").await, wait);
    assert_eq!(
        [hasher.run_next(), hasher.run_next(), hasher.run_next()],
        [Some(A.clone()), Some(B.clone()), Some(A.clone())]
    );
    for request in flood {
        request.await.unwrap();
    }
    newcomer.await.unwrap();
    assert_eq!(hasher.run_next(), None);
}

#[tokio::test]
async fn a_request_that_waited_too_long_is_told_so_and_never_computed() {
    let wait = Duration::from_millis(1);
    let hasher = PasswordHasher::paused(fast().max_wait(wait));
    assert_busy(hasher.verify(&A, "password", None).await, wait);
    assert_eq!(hasher.queue_len(), 0);
    assert_eq!(hasher.run_next(), None);
    assert_eq!(hasher.computations(), 0);
}

#[tokio::test]
async fn a_computation_that_has_begun_outlives_the_deadline() {
    let wait = Duration::from_millis(1);
    let hasher = PasswordHasher::paused(fast().max_wait(wait));
    let mut request = begin(hasher.hash(&A, "password"));
    let (_, job) = hasher.pool().shared().try_next().unwrap();
    let Job { recipe, started, answer, .. } = job;
    started.send(()).unwrap();
    timeout(wait * 2, pending::<()>()).await.unwrap_err();
    assert!(poll(&mut request).is_pending());
    let tag = recipe.compute(b"password", &mut Memory::default()).unwrap();
    answer.send(Ok(tag)).unwrap();
    assert!(request.await.is_ok());
}

#[tokio::test]
async fn requests_whose_caller_has_gone_cost_nothing() {
    let hasher = PasswordHasher::paused(fast().queue_capacity(4));
    let gone: Vec<_> = (0..2).map(|_| begin(hasher.hash(&A, "password"))).collect();
    let kept = begin(hasher.hash(&A, "password"));
    drop(gone);
    assert_eq!(hasher.queue_len(), 1);
    assert_eq!(hasher.run_next(), Some(A.clone()));
    assert!(kept.await.is_ok());
    assert_eq!(hasher.run_next(), None);
    assert_eq!(hasher.computations(), 1);
}

#[tokio::test]
async fn places_of_callers_who_have_gone_are_free() {
    let hasher = PasswordHasher::paused(fast().queue_capacity(2));
    drop([begin(hasher.hash(&A, "password")), begin(hasher.hash(&A, "password"))]);
    let _waiting = [begin(hasher.hash(&A, "password")), begin(hasher.hash(&B, "password"))];
    assert_eq!(hasher.queue_len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_thread_serves_many_callers() {
    let hasher = PasswordHasher::new(fast()).unwrap();
    let hash = Arc::new(hasher.hash(&A, "password 7").await.unwrap());
    let callers: Vec<_> = (0..200)
        .map(|number| {
            let (hasher, hash) = (hasher.clone(), Arc::clone(&hash));
            tokio::spawn(async move {
                let tenant = TenantId::new(format!("tenant-{}", number % 5)).unwrap();
                let password = format!("password {}", number % 10);
                hasher.verify(&tenant, &password, Some(&hash)).await.unwrap()
            })
        })
        .collect();
    for (number, caller) in callers.into_iter().enumerate() {
        assert_eq!(caller.await.unwrap().is_right(), number % 10 == 7);
    }
    assert_eq!(hasher.computations(), 201);
}

#[tokio::test]
async fn threads_start_with_the_first_request_and_end_with_the_last_handle() {
    let hasher = PasswordHasher::new(fast().threads(3)).unwrap();
    assert!(hasher.pool().take_threads().is_empty());
    hasher.hash(&A, "password").await.unwrap();
    let threads = hasher.pool().take_threads();
    let names: Vec<_> = threads.iter().filter_map(|thread| thread.thread().name()).collect();
    assert_eq!(names, ["torii-hash-0", "torii-hash-1", "torii-hash-2"]);
    let clone = hasher.clone();
    drop(hasher);
    assert!(threads.iter().all(|thread| !thread.is_finished()));
    drop(clone);
    let (ended, all_ended) = mpsc::channel();
    thread::spawn(move || {
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        ended.send(()).unwrap();
    });
    all_ended.recv_timeout(Duration::from_secs(60)).unwrap();
}

#[tokio::test]
async fn a_thread_that_died_is_replaced() {
    let hasher = PasswordHasher::with_thread_starter(fast(), |number, shared| {
        if number > 0 {
            return worker::start(number, shared);
        }
        let dead = thread::Builder::new().spawn(|| {})?;
        while !dead.is_finished() {
            thread::yield_now();
        }
        Ok(dead)
    });
    let orphan = begin(hasher.hash(&A, "password"));
    assert!(hasher.hash(&B, "password").await.is_ok());
    assert!(orphan.await.is_ok());
}

#[tokio::test]
async fn a_poisoned_lock_is_still_a_lock() {
    let hasher = PasswordHasher::new(fast()).unwrap();
    hasher.pool().poison();
    assert!(hasher.hash(&A, "password").await.is_ok());
    hasher.pool().poison();
    assert!(hasher.hash(&A, "password").await.is_ok());
    assert_eq!(hasher.queue_len(), 0);
}

#[tokio::test]
async fn a_thread_that_dies_with_a_request_answers_it() {
    let hasher = PasswordHasher::with_thread_starter(fast(), |_, shared| {
        thread::Builder::new().spawn(move || drop(shared.wait_next()))
    });
    assert!(matches!(hasher.hash(&A, "password").await, Err(HashingError::Stopped)));
}

#[tokio::test]
async fn without_any_thread_the_request_fails_at_once() {
    let hasher = PasswordHasher::with_thread_starter(fast(), |_, _| Err(io::ErrorKind::OutOfMemory.into()));
    for _ in 0..2 {
        match hasher.hash(&A, "password").await {
            Err(HashingError::Thread(error)) => {
                assert_eq!(error.kind(), io::ErrorKind::OutOfMemory)
            }
            other => panic!("expected a thread error, got {other:?}"),
        }
    }
    assert_eq!(hasher.queue_len(), 0);
}

#[tokio::test]
async fn one_thread_of_several_is_enough() {
    let hasher = PasswordHasher::with_thread_starter(fast().threads(2), |number, shared| match number {
        0 => worker::start(number, shared),
        _ => Err(io::ErrorKind::OutOfMemory.into()),
    });
    assert!(hasher.hash(&A, "password").await.is_ok());
}

#[tokio::test]
async fn what_nobody_serves_keeps_waiting() {
    let hasher = PasswordHasher::paused(fast().max_wait(Duration::MAX));
    let mut request = begin(hasher.hash(&A, "password"));
    assert!(poll(&mut request).is_pending());
    assert_eq!(hasher.run_next(), Some(A.clone()));
    assert!(request.await.is_ok());
}

#[cfg(target_os = "linux")]
#[test]
fn hashing_threads_are_nicer_than_the_rest() {
    use rustix::{process::getpriority_process, thread::gettid};

    let before = getpriority_process(Some(gettid())).unwrap();
    let lowered = thread::spawn(|| {
        worker::lower_priority();
        getpriority_process(Some(gettid())).unwrap()
    });
    assert_eq!(lowered.join().unwrap(), before.max(10));
    assert_eq!(getpriority_process(Some(gettid())).unwrap(), before);
}
