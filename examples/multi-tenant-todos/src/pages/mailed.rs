//! After a mail was asked for: the same page whoever asked, and whether or not a mail was sent.

use axum::{http::StatusCode, response::Response};

use crate::{error::PageResult, storage::Storage, view::MessagePage, visit::Visit};

pub(crate) fn go<R: Storage>(visit: &Visit<R>) -> Response {
    visit.go("/check-mail")
}

pub(crate) async fn page<R: Storage>(visit: Visit<R>) -> PageResult {
    let mut links = vec![(visit.path("/sign-in"), "Back to signing in")];
    if let Some(outbox) = visit.outbox() {
        links.insert(0, (outbox, "Show the mail (development)"));
    }
    let page = MessagePage {
        frame: visit.frame("Check your mail"),
        heading: "Check your mail".to_owned(),
        paragraphs: vec![
            "If the address can be used here, a mail with a link is on its way. Open the link on this device."
                .to_owned(),
            "Nothing after a few minutes? Look into the spam folder, and check that the address had no typing error."
                .to_owned(),
        ],
        links,
    };
    visit.render(StatusCode::OK, &page)
}

/// A link that works no more.
pub(crate) fn dead_link<R: Storage>(visit: &Visit<R>, again: (&str, &'static str)) -> PageResult {
    let page = MessagePage {
        frame: visit.frame("This link works no more"),
        heading: "This link works no more".to_owned(),
        paragraphs: vec![
            "Links in our mails work once and for a short time, and a new one ends those before it.".to_owned(),
        ],
        links: vec![(visit.path(again.0), again.1)],
    };
    visit.render(StatusCode::UNPROCESSABLE_ENTITY, &page)
}
