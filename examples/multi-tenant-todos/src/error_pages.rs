//! Refusals as pages.
//!
//! torii-axum refuses in JSON and axum in plain text; people read neither. The status stays, and so do headers like `Retry-After`.

use axum::{
    body::Body,
    extract::Request,
    http::{HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse as _, Response},
};

use crate::view::{Frame, MessagePage, html};

/// Replaces the body of a refusal by a page, unless it is one.
pub async fn show(request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    let status = response.status();
    let is_refusal = status.is_client_error() || status.is_server_error();
    let is_page =
        response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    if !is_refusal || is_page {
        return response;
    }
    let (heading, text) = words(status);
    let page = MessagePage {
        frame: Frame::plain(heading),
        heading: heading.to_owned(),
        paragraphs: vec![text.to_owned()],
        links: vec![("/".to_owned(), "Go to the first page")],
    };
    let Ok(body) = html(&page) else { return status.into_response() };
    let (mut parts, _) = response.into_parts();
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    Response::from_parts(parts, Body::from(body))
}

fn words(status: StatusCode) -> (&'static str, &'static str) {
    match status {
        StatusCode::UNAUTHORIZED => ("Sign in first", "This page needs a user name and a password."),
        StatusCode::FORBIDDEN => (
            "Not from here",
            "The request came from another site, so nothing was done. Open the page here and try again.",
        ),
        StatusCode::NOT_FOUND => ("Not found", "There is nothing at this address, or it is not yours to see."),
        StatusCode::METHOD_NOT_ALLOWED => {
            ("Not like this", "This address does something else. Go back and use the buttons of the page.")
        }
        StatusCode::PAYLOAD_TOO_LARGE => ("Too long", "What was sent is too long. Go back and shorten it."),
        StatusCode::MISDIRECTED_REQUEST => ("Wrong address", "This server does not answer to that name."),
        StatusCode::TOO_MANY_REQUESTS => ("Too many tries", "Wait a few minutes, then try again."),
        StatusCode::SERVICE_UNAVAILABLE => ("Very busy", "The server cannot answer right now. Try again in a moment."),
        status if status.is_client_error() => {
            ("Not understood", "The server could not read what was sent. Go back and try again.")
        }
        _ => ("Something broke", "That is our fault, and it is written down. Try again in a moment."),
    }
}
