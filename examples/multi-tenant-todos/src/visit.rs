//! A request to a page of a tenant.

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::{FromRequestParts, OriginalUri},
    http::{StatusCode, request::Parts},
    response::{IntoResponse as _, Redirect, Response},
};
use torii::{Session, SessionToken, TenantId, TenantScope, User};
use torii_axum::{
    AuthError, ConnectionInfo, LocalPath, OptionalAuthUser, SessionCookies, SessionTokenFromCookie, Tenant,
};
use url::{Position, Url, form_urlencoded};

use crate::{
    address::{Reached, TenantAddress},
    app::Shared,
    error::{PageError, PageResult},
    notice::Notice,
    storage::Storage,
    todos::Owner,
    view::{self, Frame},
};

/// A request to a page of a tenant, with all that its handler may use: the scope reaches this tenant and no other.
pub struct Visit<R> {
    pub scope: TenantScope<R>,
    pub user: Option<User>,
    pub client: ConnectionInfo,
    pub shared: Arc<Shared>,
    /// The token in the session cookie, valid or not.
    pub token: Option<SessionToken>,
    cookies: SessionCookies,
    tenant: TenantId,
    address: TenantAddress,
    notice: Option<Notice>,
}

impl<R: Storage> FromRequestParts<Arc<Shared>> for Visit<R> {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, Response> {
        let Tenant(scope) = Tenant::<R>::from_request_parts(parts, shared).await.map_err(AuthError::into_response)?;
        let client = ConnectionInfo::from_request_parts(parts, shared).await;
        let client = client.map_err(|refusal| refusal.into_response())?;
        let token = SessionTokenFromCookie::from_request_parts(parts, shared).await;
        let SessionTokenFromCookie(token) = token.map_err(|refusal| refusal.into_response())?;
        let cookies = SessionCookies::from_request_parts(parts, shared).await.map_err(AuthError::into_response)?;
        let Ok(OptionalAuthUser(user)) = OptionalAuthUser::from_request_parts(parts, shared).await;
        let tenant = scope.tenant().map_err(|error| PageError::Torii(error.into()).into_response())?.id().clone();
        let reached = parts.extensions.get::<Reached>().copied().unwrap_or(Reached::ByHost);
        Ok(Self {
            address: TenantAddress::new(&shared.public, reached, &tenant),
            notice: Notice::of(&parts.headers),
            shared: Arc::clone(shared),
            scope,
            user,
            client,
            token,
            cookies,
            tenant,
        })
    }
}

impl<R: Storage> Visit<R> {
    /// The path of a page of this tenant.
    pub fn path(&self, page: &str) -> String {
        self.address.path(page)
    }

    /// The address of a page of this tenant, for mails.
    pub fn url(&self, page: &str) -> String {
        self.address.url(page)
    }

    /// Where somebody who signed in goes: where they wanted to, if that is a page of this tenant.
    pub fn wanted(&self, next: &str) -> String {
        let local: Result<LocalPath, _> = next.parse();
        // As a browser reads it, which goes up at `..`.
        let place = |path: LocalPath| Url::parse(&self.url("/")).and_then(|home| home.join(path.as_str()));
        match local.ok().and_then(|path| place(path).ok()) {
            Some(place) if self.address.contains(place.path()) => place[Position::BeforePath..].to_owned(),
            _ => self.path("/"),
        }
    }

    pub fn frame(&self, title: &str) -> Frame {
        Frame {
            title: title.to_owned(),
            tenant: Some((self.tenant.clone(), self.address.clone())),
            email: self.user.as_ref().map(|user| user.email.clone()),
            notice: self.notice,
            outbox: self.outbox(),
        }
    }

    /// Where mails are shown, in development.
    pub fn outbox(&self) -> Option<String> {
        let public = &self.shared.public;
        public.is_development().then(|| format!("{}/dev/outbox", public.origin()))
    }

    /// A page, after which the notice is forgotten.
    ///
    /// # Errors
    /// [`PageError::Render`].
    pub fn render(&self, status: StatusCode, page: &impl Template) -> PageResult {
        let mut response = view::response(status, page)?;
        if self.notice.is_some() {
            Notice::forget(&mut response, &self.shared.public);
        }
        Ok(response)
    }

    /// Sends the browser to a page of this tenant.
    pub fn go(&self, page: &str) -> Response {
        Redirect::to(&self.path(page)).into_response()
    }

    /// [`Visit::go`], and says there what was done.
    pub fn go_and_say(&self, page: &str, notice: Notice) -> Response {
        let mut response = self.go(page);
        notice.put(&mut response, &self.shared.public);
        response
    }

    /// Gives a session that just began to the browser, and ends the one it had.
    ///
    /// # Errors
    /// [`PageError::Torii`] if the old one cannot be ended.
    pub async fn enter(&self, session: &Session, to: &str) -> PageResult {
        self.end_session().await?;
        Ok((self.cookies.sign_in(session), Redirect::to(to)).into_response())
    }

    /// Ends the session and has the browser forget it.
    ///
    /// # Errors
    /// [`PageError::Torii`] if it cannot be ended; the browser keeps it then.
    pub async fn leave(&self) -> PageResult {
        self.end_session().await?;
        Ok((self.cookies.sign_out(), self.go_and_say("/sign-in", Notice::SignedOut)).into_response())
    }

    async fn end_session(&self) -> Result<(), PageError> {
        match &self.token {
            Some(token) => Ok(self.scope.revoke_session(token).await?),
            None => Ok(()),
        }
    }
}

/// A request of somebody who is signed in. Everybody else is sent to the sign-in page.
pub struct SignedIn<R> {
    pub visit: Visit<R>,
    pub user: User,
}

impl<R> SignedIn<R> {
    pub fn owner(&self) -> Owner {
        Owner::of(&self.user)
    }
}

impl<R: Storage> FromRequestParts<Arc<Shared>> for SignedIn<R> {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, Response> {
        let visit = Visit::<R>::from_request_parts(parts, shared).await?;
        if let Some(user) = visit.user.clone() {
            return Ok(Self { visit, user });
        }
        // Afterwards back to the page; something that was to be done has to be asked for again.
        let path = parts.extensions.get::<OriginalUri>().map_or(&parts.uri, |OriginalUri(uri)| uri).path();
        let mut sign_in = visit.path("/sign-in");
        if parts.method == axum::http::Method::GET && path != visit.path("/") {
            let next = form_urlencoded::Serializer::new(String::new()).append_pair("next", path).finish();
            sign_in = format!("{sign_in}?{next}");
        }
        Err(PageError::SignInFirst { sign_in }.into_response())
    }
}
