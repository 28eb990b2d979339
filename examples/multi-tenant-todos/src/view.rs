//! Pages, before they are HTML. The templates are in `templates/`.

use askama::Template;
use axum::{
    http::StatusCode,
    response::{Html, IntoResponse as _, Response},
};
use torii::TenantId;

use crate::{address::TenantAddress, forms::Field, notice::Notice};

/// How many colours tenants have, so that one sees which one is open.
const ACCENTS: u8 = 6;

/// What is around every page.
pub struct Frame {
    pub title: String,
    /// The tenant, and where its pages are.
    pub tenant: Option<(TenantId, TenantAddress)>,
    /// The address of whoever is signed in.
    pub email: Option<String>,
    pub notice: Option<Notice>,
    /// Where mails are shown, in development.
    pub outbox: Option<String>,
}

impl Frame {
    /// A frame that knows nothing of the visitor.
    pub fn plain(title: &str) -> Self {
        Self { title: title.to_owned(), tenant: None, email: None, notice: None, outbox: None }
    }

    pub(crate) fn accent(&self) -> u8 {
        let sum = |tenant: &TenantId| tenant.as_str().bytes().fold(0u8, u8::wrapping_add);
        self.tenant.as_ref().map_or(0, |(tenant, _)| 1 + sum(tenant) % ACCENTS)
    }

    pub(crate) fn path(&self, page: &str) -> String {
        self.tenant.as_ref().map_or_else(|| page.to_owned(), |(_, address)| address.path(page))
    }

    pub(crate) fn tenant_name(&self) -> &str {
        self.tenant.as_ref().map_or("", |(tenant, _)| tenant.as_str())
    }
}

/// A page that says something.
#[derive(Template)]
#[template(path = "message.html")]
pub struct MessagePage {
    pub frame: Frame,
    pub heading: String,
    pub paragraphs: Vec<String>,
    pub links: Vec<(String, &'static str)>,
}

/// A page with one form.
#[derive(Template)]
#[template(path = "form.html")]
pub struct FormPage {
    pub frame: Frame,
    pub heading: &'static str,
    pub intro: &'static str,
    pub action: String,
    pub hidden: Vec<(&'static str, String)>,
    pub fields: Vec<Field>,
    /// What is wrong with the form as a whole.
    pub problem: Option<String>,
    pub submit: &'static str,
    pub links: Vec<(String, &'static str)>,
}

impl FormPage {
    /// Typing begins in the first field with a problem; in the last one, which is the password, if the form as a whole has one.
    #[must_use]
    pub fn focused(mut self) -> Self {
        let wrong = self.fields.iter().position(|field| field.problem.is_some());
        if wrong.is_some() || self.problem.is_some() {
            self.frame.title = format!("Please check: {}", self.frame.title);
        }
        let otherwise = if self.problem.is_some() { self.fields.len().saturating_sub(1) } else { 0 };
        if let Some(field) = self.fields.get_mut(wrong.unwrap_or(otherwise)) {
            field.autofocus = true;
        }
        self
    }
}

/// The HTML of a page.
///
/// # Errors
/// Those of the template engine.
pub fn html(page: &impl Template) -> askama::Result<String> {
    page.render()
}

/// A page as a response.
///
/// # Errors
/// Those of the template engine.
pub fn response(status: StatusCode, page: &impl Template) -> askama::Result<Response> {
    Ok((status, Html(html(page)?)).into_response())
}
