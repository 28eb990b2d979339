//! Before and after a link is mailed. Afterwards it is the same page whoever asked, and whether or not a mail was sent.

use axum::{http::StatusCode, response::Response};

use crate::{
    error::PageResult,
    forms::Field,
    storage::Storage,
    view::{FormPage, MessagePage},
    visit::Visit,
};

/// A page that asks for the address a link is to be mailed to.
pub(crate) struct Ask {
    pub(crate) title: &'static str,
    pub(crate) intro: &'static str,
    pub(crate) action: &'static str,
    /// What the link to the page for signing in says.
    pub(crate) instead: &'static str,
}

impl Ask {
    pub(crate) fn show<R: Storage>(&self, visit: &Visit<R>, status: StatusCode, field: Field) -> PageResult {
        let page = FormPage {
            frame: visit.frame(self.title),
            heading: self.title,
            intro: self.intro,
            action: visit.path(self.action),
            hidden: Vec::new(),
            fields: vec![field],
            problem: None,
            submit: "Send me a link",
            links: vec![(visit.path("/sign-in"), self.instead)],
        };
        visit.render(status, &page.focused())
    }
}

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
