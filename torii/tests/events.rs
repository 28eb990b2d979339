//! What handlers are told: everything that happened, once, with the tenant it happened in.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop there"
)]

mod common;

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;
use chrono::Duration;
use common::{Db, EMAIL, EventLog, Fixture, LINK, NEW_PASSWORD, ORIGIN, PASSWORD, SoftAuthenticator, WRONG_PASSWORD};
use tokio::sync::mpsc;
use torii::{
    BruteForceProtectionConfig, MailerConfig, MetadataPatch, OAuthIdentity, RelyingParty, TenantId, Torii, User,
    UserId, UserMetadata,
};
use torii_core::{
    Clock, UnlockReason,
    events::{Event, EventBus, EventError, EventHandler},
};
use torii_mailer::{Email, Mailer, MailerError};

/// A line for each event: its tenant, its name, and what it is about.
fn lines(events: &EventLog) -> Vec<String> {
    events.take().iter().map(|(tenant, event)| format!("{tenant}: {}", line(event))).collect()
}

fn line(event: &Event) -> String {
    match event {
        Event::UserCreated(user) => format!("created {}", user.email),
        Event::UserUpdated(user) => format!("updated {}", user.email),
        Event::UserMetadataUpdated(_) => "metadata".into(),
        Event::UserDeleted(_) => "deleted".into(),
        Event::SessionCreated(_, session) => {
            assert!(session.token.is_none(), "an event carries no token");
            "session".into()
        }
        Event::SessionDeleted(..) => "session ended".into(),
        Event::SessionsCleared(_) => "sessions ended".into(),
        Event::LoginFailed { email, failed_attempts, ip_address, .. } => {
            format!("wrong {failed_attempts} {email} {ip_address:?}")
        }
        Event::AccountLocked { email, failed_attempts, ip_address, .. } => {
            format!("locked {failed_attempts} {email} {ip_address:?}")
        }
        Event::AccountUnlocked { email, reason, .. } => format!("unlocked {email} {reason:?}"),
        Event::MailFailed { recipient, kind, attempts, .. } => format!("no mail {kind} {recipient} {attempts}"),
        other => panic!("an event that this test does not know: {other:?}"),
    }
}

async fn fixture_with_user() -> (Fixture, User) {
    let fixture = Fixture::open().await;
    let user = fixture.register(EMAIL).await;
    assert_eq!(lines(&fixture.events), ["acme: created john@example.com"]);
    (fixture, user)
}

#[tokio::test]
async fn a_user_is_created_once_whichever_way() {
    let fixture = Fixture::open().await;
    let acme = &fixture.acme;
    let identity = OAuthIdentity {
        provider: "github".into(),
        subject: "42".into(),
        email: "jane@example.com".into(),
        email_verified: Some(true),
        name: None,
    };
    for _ in 0..2 {
        acme.register_user(EMAIL, PASSWORD).await.unwrap();
        acme.oauth().get_or_create_user_with(&identity).await.unwrap();
        acme.magic_link().generate_token("jack@example.com").await.unwrap();
        acme.magic_link().send_link("jill@example.com", LINK).await.unwrap();
    }
    let expected = ["john", "jane", "jack", "jill"].map(|name| format!("acme: created {name}@example.com"));
    assert_eq!(lines(&fixture.events), expected);
}

#[tokio::test]
async fn every_tenant_has_its_own_events() {
    let fixture = Fixture::open().await;
    let other = fixture.torii.with_tenant("other");
    fixture.register(EMAIL).await;
    other.register_user(EMAIL, PASSWORD).await.unwrap();
    fixture.torii.register_user(EMAIL, PASSWORD).await.unwrap();
    other.authenticate(EMAIL, PASSWORD, None, None).await.unwrap();
    let expected = [
        "acme: created john@example.com",
        "other: created john@example.com",
        "default: created john@example.com",
        "other: session",
    ];
    assert_eq!(lines(&fixture.events), expected);
}

#[tokio::test]
async fn every_sign_in_begins_one_session() {
    let (fixture, user) = fixture_with_user().await;
    let acme = &fixture.acme;
    fixture.sign_in(EMAIL).await;
    let link = acme.magic_link().generate_token(EMAIL).await.unwrap();
    acme.magic_link().authenticate(link.token().unwrap(), None, None).await.unwrap();
    acme.oauth().authenticate("github", "42", EMAIL, None, None, None).await.unwrap();
    let app = RelyingParty::new("app.example", [ORIGIN], "App").unwrap();
    let mut authenticator = SoftAuthenticator::default();
    let start = acme.passkey().start_registration(&app, &user.id).await.unwrap();
    let answer = authenticator.register(&start.options, ORIGIN);
    let passkey = acme.passkey().finish_registration(&app, &user.id, &start.ceremony_id, &answer, None).await.unwrap();
    let start = acme.passkey().start_authentication(&app).await.unwrap();
    let answer = authenticator.authenticate(&start.options, ORIGIN);
    acme.passkey().finish_authentication(&app, &start.ceremony_id, &answer, None, None).await.unwrap();
    acme.passkey().authenticate(&passkey.credential_id, None, None).await.unwrap();
    acme.create_session(&user.id, None, None).await.unwrap();
    assert_eq!(lines(&fixture.events), ["acme: session"; 6]);
}

#[tokio::test]
async fn the_end_of_sessions_is_told() {
    let (fixture, user) = fixture_with_user().await;
    let (_, session) = fixture.sign_in(EMAIL).await;
    let token = common::token_of(&session);
    let other = fixture.torii.with_tenant("other");
    lines(&fixture.events);
    // A token of another tenant ends nothing, and a session ends once.
    other.delete_session(&token).await.unwrap();
    fixture.acme.delete_session(&token).await.unwrap();
    fixture.acme.revoke_session(&token).await.unwrap();
    fixture.acme.delete_sessions_for_user(&user.id).await.unwrap();
    assert_eq!(lines(&fixture.events), ["acme: session ended", "acme: sessions ended"]);
}

#[tokio::test]
async fn wrong_passwords_and_locks_are_told() {
    let fixture = Fixture::open().await;
    let limit = BruteForceProtectionConfig { max_failed_attempts: 2, ..Default::default() };
    let acme = fixture.again().with_brute_force_protection(limit).with_tenant("acme");
    for _ in 0..3 {
        let address = Some("192.0.2.7".to_owned());
        acme.authenticate(EMAIL, WRONG_PASSWORD, None, address).await.unwrap_err();
    }
    assert!(acme.unlock_account(EMAIL).await.unwrap());
    assert!(!acme.unlock_account(EMAIL).await.unwrap());
    let from = "john@example.com Some(\"192.0.2.7\")";
    let expected = [
        format!("acme: wrong 1 {from}"),
        format!("acme: locked 2 {from}"),
        // Refused without a look at the password: the lock was told when it was set.
        format!("acme: wrong 2 {from}"),
        "acme: unlocked john@example.com AdminAction".to_owned(),
    ];
    assert_eq!(lines(&fixture.events), expected);
}

#[tokio::test]
async fn a_lock_is_told_with_its_end() {
    let fixture = Fixture::open().await;
    let limit = BruteForceProtectionConfig { max_failed_attempts: 1, ..Default::default() };
    let acme = fixture.again().with_brute_force_protection(limit).with_tenant("acme");
    acme.authenticate(EMAIL, WRONG_PASSWORD, None, None).await.unwrap_err();
    let events = fixture.events.take();
    let [(_, Event::AccountLocked { locked_until, timestamp, .. })] = &events[..] else { panic!("{events:?}") };
    assert_eq!(*timestamp, fixture.clock.now());
    assert_eq!(*locked_until, fixture.clock.now() + Duration::minutes(15));
}

#[tokio::test]
async fn changes_of_a_user_are_told() {
    let (fixture, user) = fixture_with_user().await;
    let acme = &fixture.acme;
    acme.update_user(&User { name: Some("John".into()), ..user.clone() }).await.unwrap();
    acme.set_user_metadata(&user.id, &UserMetadata::default()).await.unwrap();
    acme.set_user_metadata(&UserId::new_random(), &UserMetadata::default()).await.unwrap_err();
    acme.merge_user_metadata(&user.id, &MetadataPatch::default()).await.unwrap();
    let token = acme.send_verification_email(&user.id, LINK).await.unwrap();
    acme.verify_email_token("unknown").await.unwrap_err();
    acme.verify_email_token(token.token().unwrap()).await.unwrap();
    acme.password().change_password(&user.id, PASSWORD, NEW_PASSWORD).await.unwrap();
    acme.delete_user(&user.id).await.unwrap();
    let expected = [
        "acme: updated john@example.com",
        "acme: metadata",
        "acme: metadata",
        "acme: updated john@example.com",
        "acme: sessions ended",
        "acme: deleted",
    ];
    assert_eq!(lines(&fixture.events), expected);
}

#[tokio::test]
async fn a_completed_reset_is_told() {
    let (fixture, _) = fixture_with_user().await;
    let passwords = fixture.acme.password();
    let token = passwords.issue_reset_token(EMAIL).await.unwrap().unwrap();
    passwords.reset_password_complete("unknown", NEW_PASSWORD).await.unwrap_err();
    passwords.reset_password_complete(token.token().unwrap(), NEW_PASSWORD).await.unwrap();
    let events = fixture.events.take();
    assert!(matches!(events[0].1, Event::AccountUnlocked { reason: UnlockReason::PasswordReset, .. }), "{events:?}");
    assert!(matches!(events[1].1, Event::SessionsCleared(_)), "{events:?}");
    assert_eq!(events.len(), 2);
}

/// Fails, and counts how often it was asked.
#[derive(Clone, Default)]
struct Failing(Arc<AtomicUsize>);

#[async_trait]
impl EventHandler for Failing {
    async fn handle_event(&self, _event: &Event) -> Result<(), EventError> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Err(EventError::HandlerError("on purpose".into()))
    }
}

#[tokio::test]
async fn a_failing_handler_fails_no_call_and_silences_no_other() {
    let fixture = Fixture::open().await;
    let (failing, log, bus) = (Failing::default(), EventLog::default(), EventBus::new());
    bus.register(Arc::new(failing.clone())).await;
    bus.register(Arc::new(log.clone())).await;
    bus.register(Arc::new(failing.clone())).await;
    let acme = fixture.again().with_events(bus).with_tenant("acme");

    let user = acme.register_user(EMAIL, PASSWORD).await.unwrap();
    let (_, session) = acme.authenticate(EMAIL, PASSWORD, None, None).await.unwrap();
    acme.authenticate(EMAIL, WRONG_PASSWORD, None, None).await.unwrap_err();
    acme.delete_session(&common::token_of(&session)).await.unwrap();
    acme.delete_user(&user.id).await.unwrap();

    assert_eq!(lines(&log).len(), 5);
    assert_eq!(failing.0.load(Ordering::SeqCst), 10);
    assert!(fixture.events.take().is_empty(), "the other bus is not this one");
}

/// Registers another handler while it is being told.
struct Inviting(EventBus, EventLog);

#[async_trait]
impl EventHandler for Inviting {
    async fn handle_event(&self, _event: &Event) -> Result<(), EventError> {
        self.0.register(Arc::new(self.1.clone())).await;
        Ok(())
    }
}

#[tokio::test]
async fn a_handler_may_register_another_one() {
    let fixture = Fixture::open().await;
    let (bus, log) = (EventBus::new(), EventLog::default());
    bus.register(Arc::new(Inviting(bus.clone(), log.clone()))).await;
    let acme = fixture.again().with_events(bus).with_tenant("acme");
    acme.register_user(EMAIL, PASSWORD).await.unwrap();
    assert!(lines(&log).is_empty(), "it is told what happens from then on");
    acme.register_user("jane@example.com", PASSWORD).await.unwrap();
    assert_eq!(lines(&log), ["acme: created jane@example.com"]);
}

/// Refuses every mail for good.
struct Refusing;

#[async_trait]
impl Mailer for Refusing {
    async fn send_email(&self, _email: Email) -> Result<(), MailerError> {
        Err(MailerError::Config("no mail today".into()))
    }
}

/// Passes events on.
struct Channel(mpsc::UnboundedSender<(TenantId, Event)>);

#[async_trait]
impl EventHandler for Channel {
    async fn handle_event(&self, event: &Event) -> Result<(), EventError> {
        self.handle_tenant_event(&TenantId::default_tenant(), event).await
    }

    async fn handle_tenant_event(&self, tenant: &TenantId, event: &Event) -> Result<(), EventError> {
        self.0.send((tenant.clone(), event.clone())).map_err(|error| EventError::BusError(error.to_string()))
    }
}

/// Waits for the next mail that failed. Events come as they are told: in the background.
async fn next_failure(events: &mut mpsc::UnboundedReceiver<(TenantId, Event)>) -> (TenantId, Event) {
    loop {
        let (tenant, event) = events.recv().await.expect("the bus is alive");
        if matches!(event, Event::MailFailed { .. }) {
            return (tenant, event);
        }
    }
}

#[tokio::test]
async fn a_mail_that_is_given_up_is_told_and_fails_no_call() {
    let fixture = Fixture::open().await;
    let (sender, mut events) = mpsc::unbounded_channel();
    let bus = EventBus::new();
    bus.register(Arc::new(Channel(sender))).await;
    type Assemble = fn(Torii<Db>, EventBus) -> Torii<Db>;
    let assembled: [Assemble; 2] = [
        |torii, bus| torii.with_events(bus).with_mail_transport(Arc::new(Refusing), MailerConfig::default()),
        |torii, bus| torii.with_mail_transport(Arc::new(Refusing), MailerConfig::default()).with_events(bus),
    ];
    for (index, assemble) in assembled.into_iter().enumerate() {
        let email = format!("john{index}@example.com");
        let acme = assemble(fixture.again(), bus.clone()).with_tenant("acme");
        acme.register_user(&email, PASSWORD).await.unwrap();
        let token = acme.magic_link().send_link(&email, LINK).await.unwrap();
        acme.flush_mail().await;
        let mut kinds = Vec::new();
        for _ in 0..2 {
            let (tenant, event) = next_failure(&mut events).await;
            let Event::MailFailed { recipient, kind, reason, attempts, timestamp } = event else { unreachable!() };
            assert_eq!((tenant.as_str(), recipient, attempts), ("acme", email.clone(), 1));
            assert_eq!(timestamp, fixture.clock.now());
            assert!(reason.contains("no mail today") && !reason.contains(token.token().unwrap()));
            kinds.push(kind);
        }
        kinds.sort_unstable();
        assert_eq!(kinds, ["magic_link", "welcome"]);
    }
}
