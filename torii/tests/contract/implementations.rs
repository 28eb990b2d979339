//! Traits that applications implement, with no more than they had to write.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use chrono::{Duration, TimeDelta};
use torii::{Session, SessionToken, ToriiBuilder, UserId};
use torii_core::{
    Error, SessionProvider, SessionService,
    error::SessionError,
    events::{Event, EventBus, EventError, EventHandler},
};

const EMAIL: &str = "john@example.com";
const PASSWORD: &str = "correct horse battery staple";

/// Sessions in memory, with the methods of the oldest version only.
#[derive(Default)]
struct InMemory(Mutex<Vec<Session>>);

#[async_trait]
impl SessionProvider for InMemory {
    async fn create_session(
        &self,
        user_id: &UserId,
        user_agent: Option<String>,
        ip_address: Option<String>,
        _expires_in: Duration,
    ) -> Result<Session, Error> {
        let session = Session::builder().user_id(user_id.clone()).user_agent(user_agent).ip_address(ip_address);
        let session = session.build()?;
        self.0.lock().unwrap().push(session.clone());
        Ok(session)
    }

    async fn get_session(&self, token: &SessionToken) -> Result<Session, Error> {
        let sessions = self.0.lock().unwrap();
        let found = sessions.iter().find(|session| session.token.as_ref() == Some(token));
        Ok(found.cloned().ok_or(SessionError::NotFound)?)
    }

    async fn delete_session(&self, token: &SessionToken) -> Result<(), Error> {
        self.0.lock().unwrap().retain(|session| session.token.as_ref() != Some(token));
        Ok(())
    }

    async fn cleanup_expired_sessions(&self) -> Result<(), Error> {
        Ok(())
    }

    async fn delete_sessions_for_user(&self, user_id: &UserId) -> Result<(), Error> {
        self.0.lock().unwrap().retain(|session| session.user_id != *user_id);
        Ok(())
    }
}

#[tokio::test]
async fn a_session_provider_of_the_applications_own() {
    let boxed: Box<dyn SessionProvider> = Box::new(InMemory::default());
    let sessions = SessionService::new(Arc::new(boxed));
    let user = UserId::new_random();
    let session = sessions.create_session(&user, None, None, TimeDelta::hours(1)).await.unwrap();
    let token = session.token.unwrap();
    assert_eq!(sessions.get_session(&token).await.unwrap().map(|session| session.user_id), Some(user.clone()));
    // What it does not have says so.
    let error = sessions.list_sessions_for_user(&user).await.unwrap_err();
    let text = "Storage error: Database error: this storage provider does not support listing sessions";
    assert_eq!(error.to_string(), text);
    assert!(sessions.refresh_session(&token, TimeDelta::hours(1)).await.unwrap_err().is_storage_error());
    sessions.delete_user_sessions(&user).await.unwrap();
    assert!(sessions.get_session(&token).await.unwrap().is_none());
}

/// Counts events, with the one method of the oldest version.
#[derive(Default)]
struct Counting(Mutex<usize>);

#[async_trait]
impl EventHandler for Counting {
    async fn handle_event(&self, event: &Event) -> Result<(), EventError> {
        match event {
            Event::UserCreated(_) | Event::SessionCreated(..) => *self.0.lock().unwrap() += 1,
            _ => {}
        }
        Ok(())
    }
}

#[tokio::test]
async fn an_event_handler_of_the_applications_own() {
    let (bus, counting) = (EventBus::new(), Arc::new(Counting::default()));
    bus.register(counting.clone()).await;
    bus.emit(&Event::SessionsCleared(UserId::new_random())).await.unwrap();
    let builder = ToriiBuilder::new().with_sqlite("sqlite::memory:").await.unwrap();
    let torii = builder.apply_migrations(true).with_events(bus).build().await.unwrap();
    torii.password().register(EMAIL, PASSWORD).await.unwrap();
    torii.password().authenticate(EMAIL, PASSWORD, None, None).await.unwrap();
    assert_eq!(*counting.0.lock().unwrap(), 2);
}

#[cfg(feature = "mailer")]
mod mail {
    use torii::{MailerConfig, Torii, sqlite::SqliteRepositoryProvider};
    use torii_core::MailerService;
    use torii_mailer::{Email, Mailer, MailerError};

    use super::*;

    /// Keeps the subjects.
    #[derive(Clone, Default)]
    struct Subjects(Arc<Mutex<Vec<String>>>);

    #[async_trait]
    impl Mailer for Subjects {
        async fn send_email(&self, email: Email) -> Result<(), MailerError> {
            let has_link = email.text_body.is_some_and(|text| text.contains("https://app.example/reset?token="));
            self.0.lock().unwrap().push(format!("{} to {} {has_link}", email.subject, email.to.join(",")));
            Ok(())
        }
    }

    #[tokio::test]
    async fn a_mailer_of_the_applications_own() {
        let subjects = Subjects::default();
        let builder = ToriiBuilder::new().with_sqlite("sqlite::memory:").await.unwrap();
        let torii: Torii<SqliteRepositoryProvider> = builder.apply_migrations(true).build().await.unwrap();
        let torii = torii.with_mail_transport(Arc::new(subjects.clone()), MailerConfig::default());
        torii.password().register(EMAIL, PASSWORD).await.unwrap();
        torii.password().register(EMAIL, PASSWORD).await.unwrap();
        // Slashes at the end make no difference.
        torii.password().reset_password_initiate(EMAIL, "https://app.example/reset//").await.unwrap();
        torii.password().reset_password_initiate("nobody@example.com", "https://app.example/reset").await.unwrap();
        torii.flush_mail().await;
        let mut sent = subjects.0.lock().unwrap().clone();
        sent.sort();
        assert_eq!(sent.len(), 2, "{sent:?}");
        assert!(sent.iter().all(|mail| mail.contains("to john@example.com")), "{sent:?}");
        assert_eq!(sent.iter().filter(|mail| mail.ends_with("true")).count(), 1, "{sent:?}");
    }

    /// Has everything but the mail that came last.
    struct Silent;

    #[async_trait]
    impl MailerService for Silent {
        async fn send_magic_link_email(&self, _: &str, _: &str, _: Option<&str>) -> Result<(), Error> {
            Ok(())
        }
        async fn send_welcome_email(&self, _: &str, _: Option<&str>) -> Result<(), Error> {
            Ok(())
        }
        async fn send_password_reset_email(&self, _: &str, _: &str, _: Option<&str>) -> Result<(), Error> {
            Ok(())
        }
        async fn send_password_changed_email(&self, _: &str, _: Option<&str>) -> Result<(), Error> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn a_mailer_service_of_the_applications_own() {
        let service: Box<dyn MailerService> = Box::new(Silent);
        service.send_welcome_email(EMAIL, None).await.unwrap();
        assert!(service.send_verification_email(EMAIL, "link", None).await.unwrap_err().is_storage_error());
    }
}
