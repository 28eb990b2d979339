//! What happens beside the calls: sweeping, mail, and hashing.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop there"
)]

mod common;

use std::{
    future,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Waker},
    time::Duration,
};

use async_trait::async_trait;
use chrono::TimeDelta;
use common::{Db, EMAIL, Fixture, LINK, NEW_PASSWORD, PASSWORD};
use tokio::time::timeout;
use torii::{MailerConfig, TenantId, ToriiBuilder, ToriiBuilderError};
use torii_core::password::{HashingConfig, PasswordHasher};
use torii_mailer::{Email, Mailer, MailerError};

/// Nothing here takes as long.
const DEADLINE: Duration = Duration::from_secs(60);

async fn sessions(fixture: &Fixture) -> i64 {
    sqlx::query_scalar("SELECT COUNT(*) FROM sessions").fetch_one(fixture.pool()).await.unwrap()
}

#[tokio::test]
async fn the_builder_sweeps_every_tenant_until_the_library_is_gone() {
    let fixture = Fixture::open().await;
    for torii in [fixture.torii.with_tenant("acme"), fixture.torii.with_tenant("other")] {
        torii.register_user(EMAIL, PASSWORD).await.unwrap();
        torii.authenticate(EMAIL, PASSWORD, None, None).await.unwrap();
    }
    fixture.clock.advance(TimeDelta::days(31));
    fixture.acme.authenticate(EMAIL, PASSWORD, None, None).await.unwrap();
    assert_eq!(sessions(&fixture).await, 3);

    let builder = ToriiBuilder::new().with_provider(Db::clone(fixture.torii.repositories()));
    let torii = builder.with_cleanup_interval(Duration::from_millis(1)).build().await.unwrap();
    let swept = async { while sessions(&fixture).await > 1 {} };
    timeout(DEADLINE, swept).await.expect("what is over is swept, and what is not over stays");

    let provider = Arc::downgrade(torii.repositories());
    drop(torii);
    let gone = async {
        while provider.upgrade().is_some() {
            tokio::task::yield_now().await;
        }
    };
    timeout(DEADLINE, gone).await.expect("sweeping ends with the library");
    assert_eq!(sessions(&fixture).await, 1);
}

#[tokio::test]
async fn sweeping_all_the_time_is_refused() {
    let builder = ToriiBuilder::new().with_sqlite("sqlite::memory:").await.unwrap();
    let Err(error) = builder.with_cleanup_interval(Duration::ZERO).build().await else { panic!("it was built") };
    assert!(matches!(error, ToriiBuilderError::InvalidConfiguration(_)), "{error}");
}

/// A mail server that takes a mail and never answers.
#[derive(Clone, Default)]
struct Silent(Arc<AtomicUsize>);

#[async_trait]
impl Mailer for Silent {
    async fn send_email(&self, _email: Email) -> Result<(), MailerError> {
        self.0.fetch_add(1, Ordering::SeqCst);
        future::pending().await
    }
}

#[tokio::test]
async fn a_mail_server_that_never_answers_delays_no_call() {
    let fixture = Fixture::open().await;
    let silent = Silent::default();
    let torii = fixture.again().with_mail_transport(Arc::new(silent.clone()), MailerConfig::default());
    let acme = torii.with_tenant("acme");
    let calls = async {
        let user = acme.register_user(EMAIL, PASSWORD).await.unwrap();
        acme.send_verification_email(&user.id, LINK).await.unwrap();
        acme.magic_link().send_link(EMAIL, LINK).await.unwrap();
        acme.password().reset_password_initiate(EMAIL, LINK).await.unwrap();
        acme.password().change_password(&user.id, PASSWORD, NEW_PASSWORD).await.unwrap();
        while silent.0.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
    };
    timeout(DEADLINE, calls).await.expect("nobody waits for the mail server, which was asked");
}

#[tokio::test]
async fn a_password_is_not_hashed_on_the_callers_thread() {
    let hasher = PasswordHasher::new(HashingConfig::default().threads(1)).unwrap();
    let tenant = TenantId::default_tenant();
    let mut hash = pin!(hasher.hash(&tenant, PASSWORD));
    let polled = hash.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(polled.is_pending(), "it came back before there was time to hash");
    let hash = hash.await.unwrap();
    let mut check = pin!(hasher.verify(&tenant, PASSWORD, Some(&hash)));
    assert!(check.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    assert!(check.await.unwrap().is_right());
}
