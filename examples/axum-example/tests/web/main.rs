//! The application by its routes, without a network.

#![allow(clippy::panic, clippy::unwrap_used, reason = "helpers of tests")]

mod client;
mod pages;
mod sign_in;
#[path = "../../../../torii-mailer/tests/smtp/server.rs"]
mod smtp;

use std::path::Path;

use axum_example::AppState;
use mail_parser::MessageParser;
use serde_json::{Value, json};
use tempfile::TempDir;
use torii::MailerConfig;
use torii_mailer::config::TransportConfig;

use self::client::Client;

const EMAIL: &str = "john@example.com";
const PASSWORD: &str = "correct horse battery";
const NEW_PASSWORD: &str = "another long password";
const ORIGIN: &str = "http://localhost:3000";

/// The application, with mails in a folder of its own.
struct TestApp {
    state: AppState,
    emails: TempDir,
}

impl TestApp {
    async fn start() -> Self {
        let emails = tempfile::tempdir().unwrap();
        let transport = TransportConfig::File { output_dir: emails.path().to_owned() };
        let mailer = MailerConfig { transport, ..MailerConfig::default() };
        Self { state: axum_example::open("sqlite::memory:", mailer).await.unwrap(), emails }
    }

    fn client(&self) -> Client {
        Client::new(axum_example::app(self.state.clone(), ORIGIN))
    }

    /// Somebody who has just registered.
    async fn member(&self) -> Client {
        let mut client = self.client();
        assert_eq!(client.post("/auth/register", credentials(PASSWORD)).await.status, 200);
        client
    }

    /// The link in the one mail with this subject.
    async fn mailed_link(&self, subject: &str) -> String {
        self.state.torii.flush_mail().await;
        let files = std::fs::read_dir(self.emails.path()).unwrap().map(|file| file.unwrap().path());
        let links: Vec<_> = files.filter_map(|file| link_in(&read(&file), subject)).collect();
        assert_eq!(links.len(), 1, "{links:?}");
        links[0].clone()
    }
}

fn read(file: &Path) -> Vec<u8> {
    std::fs::read(file).unwrap()
}

/// The link in a mail, if it has this subject.
fn link_in(mail: &[u8], subject: &str) -> Option<String> {
    let message = MessageParser::default().parse(mail).unwrap();
    let text = message.body_text(0).unwrap().into_owned();
    let link = || text.split_whitespace().find(|word| word.contains("?token=")).unwrap().to_owned();
    (message.subject() == Some(subject)).then(link)
}

/// The token of a link, and where the link leads on this server.
fn parts_of(link: &str) -> (String, String) {
    let path = link.strip_prefix(ORIGIN).unwrap();
    (path.split_once("?token=").unwrap().1.to_owned(), path.to_owned())
}

fn credentials(password: &str) -> Value {
    json!({ "email": EMAIL, "password": password })
}
