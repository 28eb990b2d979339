//! Where somebody is signed in.

use askama::Template;
use axum::{Form, http::StatusCode};
use serde::Deserialize;
use torii::Session;

use crate::{
    error::{PageError, PageResult},
    notice::Notice,
    storage::Storage,
    view::Frame,
    visit::SignedIn,
};

#[derive(Template)]
#[template(path = "sessions.html")]
struct SessionsPage {
    frame: Frame,
    sessions: Vec<Row>,
}

/// A session as it is shown.
struct Row {
    id: String,
    device: String,
    place: String,
    began: String,
    ends: String,
    current: bool,
}

#[derive(Deserialize)]
pub(crate) struct Which {
    id: String,
}

pub(crate) async fn list<R: Storage>(SignedIn { visit, user }: SignedIn<R>) -> PageResult {
    let current = current(&visit).await?;
    let sessions = visit.scope.list_user_sessions(&user.id).await?;
    let sessions = sessions.into_iter().map(|session| row(session, &current)).collect();
    visit.render(StatusCode::OK, &SessionsPage { frame: visit.frame("Where you are signed in"), sessions })
}

/// Ends one session of the list: of this user in this tenant, whatever id is sent.
pub(crate) async fn end<R: Storage>(signed_in: SignedIn<R>, Form(Which { id }): Form<Which>) -> PageResult {
    let visit = &signed_in.visit;
    if id == current(visit).await? {
        return visit.leave().await;
    }
    if !visit.scope.revoke_listed_session(&signed_in.user.id, &id).await? {
        return Err(PageError::NotFound);
    }
    Ok(visit.go_and_say("/sessions", Notice::SessionEnded))
}

/// Ends all sessions, and begins a new one here.
pub(crate) async fn end_others<R: Storage>(SignedIn { visit, user }: SignedIn<R>) -> PageResult {
    visit.scope.delete_sessions_for_user(&user.id).await?;
    let client = visit.client.clone();
    let session = visit.scope.create_session(&user.id, client.user_agent, client.ip).await?;
    let mut response = visit.enter(&session, &visit.path("/sessions")).await?;
    Notice::OthersEnded.put(&mut response, &visit.shared.public);
    Ok(response)
}

/// The id of the session that the request came with.
async fn current<R: Storage>(visit: &crate::visit::Visit<R>) -> Result<String, PageError> {
    let Some(token) = &visit.token else { return Ok(String::new()) };
    let session = visit.scope.validate_session(token).await?;
    Ok(session.map(|session| session.token_hash).unwrap_or_default())
}

fn row(session: Session, current: &str) -> Row {
    let time = |time: chrono::DateTime<chrono::Utc>| time.format("%-d %B %Y, %H:%M UTC").to_string();
    Row {
        current: session.token_hash == current,
        id: session.token_hash,
        device: device(session.user_agent.as_deref().unwrap_or_default()),
        place: session.ip_address.unwrap_or_else(|| "unknown address".to_owned()),
        began: time(session.created_at),
        ends: time(session.expires_at),
    }
}

/// Browser and system, from what the browser says of itself. Many name others too, so the rarer come first.
fn device(user_agent: &str) -> String {
    let first = |known: &[(&str, &'static str)]| {
        known.iter().find(|(sign, _)| user_agent.contains(sign)).map(|(_, name)| *name)
    };
    let browser = first(&[
        ("Edg/", "Edge"),
        ("OPR/", "Opera"),
        ("Firefox/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
    ]);
    let system = first(&[
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Windows", "Windows"),
        ("Mac OS X", "macOS"),
        ("Linux", "Linux"),
    ]);
    match (browser, system) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        (Some(name), None) | (None, Some(name)) => name.to_owned(),
        (None, None) if user_agent.is_empty() => "Unknown device".to_owned(),
        (None, None) => user_agent.chars().take(60).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::device;

    #[test]
    fn a_device_is_told_by_browser_and_system() {
        let chrome =
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36";
        assert_eq!(device(chrome), "Chrome on Linux");
        assert_eq!(device(&format!("{chrome} Edg/140.0")), "Edge on Linux");
        let iphone =
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Safari/604.1";
        assert_eq!(device(iphone), "Safari on iPhone");
        assert_eq!(device("curl/8.14"), "curl/8.14");
        assert_eq!(device(""), "Unknown device");
    }
}
