use std::time::Duration;

use argon2::Params;

use super::fast;
use crate::password::{HashingConfig, HashingConfigError, HashingError, PasswordHasher};

fn refusal(config: HashingConfig) -> HashingConfigError {
    match PasswordHasher::new(config) {
        Err(HashingError::InvalidConfig(error)) => error,
        other => panic!("expected a refusal, got {other:?}"),
    }
}

#[test]
fn the_defaults_are_the_owasp_parameters_and_those_of_the_shared_pool() {
    let params = HashingConfig::default().validate().unwrap();
    assert_eq!((params.m_cost(), params.t_cost(), params.p_cost()), (19_456, 2, 1));
    assert_eq!(params.output_len(), Some(32));
    let shared = Params::DEFAULT;
    assert_eq!((shared.m_cost(), shared.t_cost(), shared.p_cost()), (19_456, 2, 1));
}

#[test]
fn every_owasp_choice_and_anything_stronger_is_accepted() {
    for (memory_kib, iterations) in [(47_104, 1), (19_456, 2), (12_288, 3), (9_216, 4), (7_168, 5), (65_536, 3)] {
        PasswordHasher::new(HashingConfig::default().memory_kib(memory_kib).iterations(iterations)).unwrap();
    }
}

#[test]
fn weaker_parameters_are_refused_unless_insecurity_was_asked_for_by_name() {
    for (memory_kib, iterations) in [(47_103, 1), (19_455, 2), (12_287, 3), (9_215, 4), (7_167, 100)] {
        let config = HashingConfig::default().memory_kib(memory_kib).iterations(iterations);
        assert_eq!(refusal(config), HashingConfigError::BelowMinimum);
        PasswordHasher::new(fast().memory_kib(memory_kib).iterations(iterations)).unwrap();
    }
}

#[test]
fn what_could_not_be_verified_later_is_not_made() {
    let default = HashingConfig::default;
    assert_eq!(refusal(default().memory_kib(1024 * 1024 + 1)), HashingConfigError::AboveMaximum);
    assert_eq!(refusal(default().memory_kib(1024 * 1024).iterations(5)), HashingConfigError::AboveMaximum);
    assert_eq!(refusal(default().iterations(u32::MAX)), HashingConfigError::AboveMaximum);
    PasswordHasher::new(default().memory_kib(1024 * 1024).iterations(4)).unwrap();
}

#[test]
fn impossible_parameters_are_refused_with_their_cause() {
    for (config, cause) in [
        (fast().memory_kib(7), argon2::Error::MemoryTooLittle),
        (fast().parallelism(2), argon2::Error::MemoryTooLittle),
        (fast().iterations(0), argon2::Error::TimeTooSmall),
        (fast().parallelism(0), argon2::Error::ThreadsTooFew),
        (fast().parallelism(u32::MAX), argon2::Error::ThreadsTooMany),
    ] {
        assert_eq!(refusal(config), HashingConfigError::Parameters(cause));
    }
}

#[test]
fn a_pool_needs_threads_places_and_patience() {
    assert_eq!(refusal(fast().threads(0)), HashingConfigError::Threads);
    assert_eq!(refusal(fast().threads(1025)), HashingConfigError::Threads);
    assert_eq!(refusal(fast().queue_capacity(0)), HashingConfigError::QueueCapacity);
    assert_eq!(refusal(fast().max_wait(Duration::ZERO)), HashingConfigError::MaxWait);
}

#[test]
fn errors_keep_their_source_and_do_not_repeat_it() {
    let error = PasswordHasher::new(fast().iterations(0)).unwrap_err();
    let mut chain = vec![error.to_string()];
    let mut next = std::error::Error::source(&error);
    while let Some(error) = next {
        chain.push(error.to_string());
        next = error.source();
    }
    assert_eq!(
        chain,
        ["invalid password hashing configuration", "invalid Argon2 parameters", "time cost is too small"]
    );
}
