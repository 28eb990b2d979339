//! An SMTP server on loopback: the protocol of `mailin`, on a port of its own. Tests of other crates include it as a file.

#![allow(dead_code, reason = "every test binary uses a part of it")]

use std::{
    future, io,
    net::IpAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use mailin::{Action, AuthMechanism, Handler, Response, SessionBuilder, response};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    task::AbortHandle,
};

pub(crate) const USERNAME: &str = "app";
pub(crate) const PASSWORD: &str = "s3cret of the mail server";

/// How the server behaves.
#[derive(Clone, Copy, Default)]
pub(crate) struct Manner {
    /// Takes mail from nobody but [`USERNAME`].
    pub(crate) wants_sign_in: bool,
    pub(crate) refuses: Option<Refuses>,
    /// From this line of the client's on. `""` is the moment it connects, `"."` the end of the mail.
    pub(crate) stops: Option<(&'static str, Stops)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refuses {
    Sender,
    Recipient,
    Mail,
    MailForNow,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stops {
    HangsUp,
    SaysNothing,
}

/// A mail that the server has accepted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Delivery {
    pub(crate) from: String,
    pub(crate) to: Vec<String>,
    /// Who signed in.
    pub(crate) username: Option<String>,
    pub(crate) data: Vec<u8>,
}

/// Runs until it is dropped.
pub(crate) struct SmtpServer {
    pub(crate) port: u16,
    delivered: Arc<Mutex<Vec<Delivery>>>,
    connections: Arc<AtomicUsize>,
    accepting: AbortHandle,
}

impl SmtpServer {
    pub(crate) async fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (delivered, connections) = (Arc::default(), Arc::new(AtomicUsize::new(0)));
        let (deliver, count) = (Arc::clone(&delivered), Arc::clone(&connections));
        let accepting = tokio::spawn(async move {
            while let Ok((stream, client)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                let mailbox = Mailbox { manner, draft: Delivery::default(), delivered: Arc::clone(&deliver) };
                tokio::spawn(converse(stream, client.ip(), manner, mailbox));
            }
        });
        Self { port, delivered, connections, accepting: accepting.abort_handle() }
    }

    /// What was accepted since this was last asked.
    pub(crate) fn take(&self) -> Vec<Delivery> {
        std::mem::take(&mut self.delivered.lock().unwrap())
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

impl Drop for SmtpServer {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Carries lines to the protocol and its answers back.
async fn converse(stream: TcpStream, client: IpAddr, manner: Manner, mailbox: Mailbox) -> io::Result<()> {
    let mut builder = SessionBuilder::new("mail.example");
    if manner.wants_sign_in {
        // Without TLS, which does not leave this machine here.
        builder.enable_auth(AuthMechanism::Plain).insecure_enable_plaintext_auth();
    }
    let mut session = builder.build(client, mailbox);
    let (read, mut write) = stream.into_split();
    let mut read = BufReader::new(read);
    let mut line = Vec::new();
    let mut answer = Some(session.greeting());
    loop {
        let said = String::from_utf8_lossy(&line);
        let word = said.split_whitespace().next().unwrap_or_default();
        match manner.stops {
            Some((at, Stops::HangsUp)) if at == word => return Ok(()),
            Some((at, Stops::SaysNothing)) if at == word => future::pending::<()>().await,
            _ => {}
        }
        let response = match answer.take() {
            Some(greeting) => greeting,
            None => session.process(&line),
        };
        if response.action != Action::NoReply {
            let mut bytes = Vec::new();
            response.write_to(&mut bytes)?;
            write.write_all(&bytes).await?;
        }
        // After refusing a mail at its end `mailin` would take what follows for more of it.
        let over = response.action == Action::Close || (response.is_error && line == b".\r\n");
        line.clear();
        if over || read.read_until(b'\n', &mut line).await? == 0 {
            return Ok(());
        }
    }
}

/// What the protocol asks whether a mail is welcome.
struct Mailbox {
    manner: Manner,
    draft: Delivery,
    delivered: Arc<Mutex<Vec<Delivery>>>,
}

impl Mailbox {
    fn answer(&self, at: Refuses, refusal: Response) -> Response {
        if self.manner.refuses == Some(at) { refusal } else { response::OK }
    }
}

impl Handler for Mailbox {
    fn auth_plain(&mut self, _: &str, username: &str, password: &str) -> Response {
        if (username, password) != (USERNAME, PASSWORD) {
            return response::INVALID_CREDENTIALS;
        }
        self.draft.username = Some(username.to_owned());
        response::AUTH_OK
    }

    fn mail(&mut self, _: IpAddr, _: &str, from: &str) -> Response {
        self.draft = Delivery { from: from.to_owned(), username: self.draft.username.clone(), ..Delivery::default() };
        self.answer(Refuses::Sender, response::BAD_MAILBOX)
    }

    fn rcpt(&mut self, to: &str) -> Response {
        self.draft.to.push(to.to_owned());
        self.answer(Refuses::Recipient, response::NO_MAILBOX)
    }

    fn data(&mut self, line: &[u8]) -> io::Result<()> {
        self.draft.data.extend_from_slice(line);
        Ok(())
    }

    fn data_end(&mut self) -> Response {
        match self.manner.refuses {
            Some(Refuses::Mail) => response::TRANSACTION_FAILED,
            Some(Refuses::MailForNow) => response::OUT_OF_SPACE,
            _ => {
                self.delivered.lock().unwrap().push(self.draft.clone());
                response::OK
            }
        }
    }
}
