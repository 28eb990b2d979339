//! The mails that were not sent, in development.

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::{Extension, State},
    http::StatusCode,
};
use torii::TenantScope;

use crate::{
    app::Shared,
    error::PageResult,
    mail::{Outbox, SentMail},
    storage::Storage,
    view::{self, Frame},
};

#[derive(Template)]
#[template(path = "outbox.html")]
struct OutboxPage {
    frame: Frame,
    mails: Vec<ShownMail>,
}

struct ShownMail {
    at: String,
    to: String,
    subject: String,
    lines: Vec<Line>,
}

enum Line {
    Text(String),
    /// A link to this application.
    Link(String),
}

pub(crate) async fn page<R: Storage>(
    State(shared): State<Arc<Shared>>,
    Extension(outbox): Extension<Outbox>,
    Extension(tenant): Extension<TenantScope<R>>,
) -> PageResult {
    tenant.flush_mail().await;
    let mails = outbox.mails().into_iter().map(|mail| shown(mail, &shared)).collect();
    let frame = Frame { outbox: Some("/dev/outbox".to_owned()), ..Frame::plain("Outbox") };
    Ok(view::response(StatusCode::OK, &OutboxPage { frame, mails })?)
}

fn shown(mail: SentMail, shared: &Shared) -> ShownMail {
    let scheme = shared.public.origin().split_inclusive("://").next().unwrap_or_default().to_owned();
    let line = |line: &str| match line.starts_with(&scheme) {
        true => Line::Link(line.to_owned()),
        false => Line::Text(line.to_owned()),
    };
    ShownMail {
        at: mail.at.format("%H:%M:%S UTC").to_string(),
        to: mail.to,
        subject: mail.subject,
        lines: mail.text.trim_end().lines().map(line).collect(),
    }
}
