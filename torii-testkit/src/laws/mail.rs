//! What is mailed, to whom, and what happens when it cannot be.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use chrono::TimeDelta;
use tokio::{
    sync::{Semaphore, mpsc},
    time::timeout,
};
use torii::TenantId;
use torii_core::{
    error::{AuthError, Error},
    events::{Event, EventBus, EventError, EventHandler},
};
use torii_mailer::{Email, Mailer, MailerConfig, MailerError, MemoryTransport};

use super::expectation::{BASE, NEW_PASSWORD, cause, text};
use crate::{
    Provider,
    world::{EMAIL, OAUTH_PROVIDER, OAUTH_SUBJECT, PASSWORD, WRONG_PASSWORD, World},
};

/// A new user is welcomed once; whoever registers an address that is taken causes no mail.
pub async fn mail_welcomes_new_users_only<P: Provider>(w: &World<P>) {
    w.register(EMAIL).await;
    let mails = w.mails().await;
    assert_eq!(mails.len(), 1);
    assert_eq!(mails[0].to, [EMAIL]);
    w.here.register_user(EMAIL, PASSWORD).await.unwrap();
    w.here.password().register_with_name(&EMAIL.to_uppercase(), NEW_PASSWORD, Some("John")).await.unwrap();
    assert_eq!(w.mails().await.len(), 0);
}

/// Calls that are not about mail send none.
pub async fn mail_is_sent_for_nothing_else<P: Provider>(w: &World<P>) {
    w.here.magic_link().generate_token(EMAIL).await.unwrap();
    let user = w.here.get_user_by_email(EMAIL).await.unwrap().unwrap();
    w.here.password().issue_reset_token(EMAIL).await.unwrap();
    w.here.password().set_password(&user.id, PASSWORD).await.unwrap();
    w.sign_in(EMAIL).await;
    w.here.oauth().authenticate(OAUTH_PROVIDER, OAUTH_SUBJECT, "octo@example.com", None, None, None).await.unwrap();
    w.here.password().remove_password(&user.id).await.unwrap();
    w.here.delete_user(&user.id).await.unwrap();
    assert_eq!(w.mails().await.len(), 0);
}

/// A changed password is announced to its user.
pub async fn mail_announces_a_changed_password<P: Provider>(w: &World<P>) {
    let user = w.register(EMAIL).await;
    assert_eq!(w.mails().await.len(), 1);
    assert!(w.here.password().change_password(&user.id, WRONG_PASSWORD, NEW_PASSWORD).await.is_err());
    assert_eq!(w.mails().await.len(), 0);
    w.here.password().change_password(&user.id, PASSWORD, NEW_PASSWORD).await.unwrap();
    let mails = w.mails().await;
    assert_eq!(mails.len(), 1);
    assert_eq!(mails[0].to, [EMAIL]);
}

/// One address can be made to receive ten mails of a kind in 15 minutes, however it is typed; then links are refused, resets
/// are silently ignored, and both work again.
pub async fn mail_to_one_address_is_limited<P: Provider>(w: &World<P>) {
    const TYPED: [&str; 2] = [EMAIL, "JOHN@example.com"];
    w.register(EMAIL).await;
    w.mails().await;
    for round in 0..2 {
        for index in 0..10 {
            w.here.magic_link().send_link(TYPED[index % 2], BASE).await.unwrap();
            w.here.password().reset_password_initiate(TYPED[index % 2], BASE).await.unwrap();
        }
        assert_eq!(w.mails().await.len(), 20, "in round {round}");
        let last = w.here.magic_link().generate_token(EMAIL).await.unwrap();
        for typed in TYPED {
            let refused = w.here.magic_link().send_link(typed, BASE).await.unwrap_err();
            let too_many =
                matches!(cause(&refused), Some(Error::Auth(AuthError::TooManyMails { retry_after_seconds: 1..=901 })));
            assert!(too_many, "{refused:?}");
            w.here.password().reset_password_initiate(typed, BASE).await.unwrap();
        }
        assert!(w.mails().await.is_empty());
        assert!(w.here.magic_link().authenticate(text(&last), None, None).await.is_ok(), "the refusal wrote nothing");
        w.clock.advance(TimeDelta::minutes(15));
    }
}

/// A mail server that accepts nothing until it is told to.
struct Slow {
    gate: Semaphore,
    accepted: MemoryTransport,
}

#[async_trait]
impl Mailer for Slow {
    async fn send_email(&self, email: Email) -> Result<(), MailerError> {
        let _place = self.gate.acquire().await;
        self.accepted.send_email(email).await
    }
}

/// No call waits for the mail server: what it asked for is sent in the background, and flushing waits for it.
pub async fn mail_is_sent_in_the_background<P: Provider>(w: &World<P>) {
    let slow = Arc::new(Slow { gate: Semaphore::new(0), accepted: MemoryTransport::new() });
    let here = w.here_with(|torii| torii.with_mail_transport(slow.clone(), MailerConfig::default()));
    let calls = async {
        let user = here.register_user(EMAIL, PASSWORD).await.unwrap();
        here.magic_link().send_link(EMAIL, BASE).await.unwrap();
        here.password().reset_password_initiate(EMAIL, BASE).await.unwrap();
        here.send_verification_email(&user.id, BASE).await.unwrap();
        here.password().change_password(&user.id, PASSWORD, NEW_PASSWORD).await.unwrap();
    };
    timeout(Duration::from_secs(30), calls).await.expect("the calls do not wait for the mail server");
    assert!(slow.accepted.is_empty());
    slow.gate.add_permits(1);
    here.flush_mail().await;
    assert_eq!(slow.accepted.len(), 5);
}

/// A mail server that refuses everything.
struct Refusing;

#[async_trait]
impl Mailer for Refusing {
    async fn send_email(&self, _email: Email) -> Result<(), MailerError> {
        Err(MailerError::Builder("refused for good".into()))
    }
}

/// Hands events on.
struct Forwarding(mpsc::UnboundedSender<(TenantId, Event)>);

#[async_trait]
impl EventHandler for Forwarding {
    async fn handle_event(&self, _event: &Event) -> Result<(), EventError> {
        Ok(())
    }

    async fn handle_tenant_event(&self, tenant: &TenantId, event: &Event) -> Result<(), EventError> {
        // Nobody listens any more when the law is over.
        let _ = self.0.send((tenant.clone(), event.clone()));
        Ok(())
    }
}

/// A mail that cannot be sent fails no call, and is reported as an event in the tenant it was sent for.
pub async fn mail_failure_is_an_event<P: Provider>(w: &World<P>) {
    let (sender, mut events) = mpsc::unbounded_channel();
    let bus = EventBus::new();
    bus.register(Arc::new(Forwarding(sender))).await;
    let here =
        w.here_with(|torii| torii.with_mail_transport(Arc::new(Refusing), MailerConfig::default()).with_events(bus));

    here.magic_link().send_link(EMAIL, BASE).await.unwrap();
    here.flush_mail().await;
    let failed = async {
        loop {
            let (tenant, event) = events.recv().await.expect("the handler lives");
            if let Event::MailFailed { recipient, kind, reason, attempts, .. } = event {
                return (tenant, recipient, kind, reason, attempts);
            }
        }
    };
    let (told, recipient, kind, reason, attempts) =
        timeout(Duration::from_secs(30), failed).await.expect("the failure is reported");
    assert_eq!(&told, w.tenant());
    assert_eq!((recipient.as_str(), kind, attempts), (EMAIL, "magic_link", 1));
    assert!(!reason.contains("token="));
}
