//! What the page after a redirect says about what was just done.
//!
//! It travels in a cookie of a few seconds, not in the address: a link from outside cannot put words into the application's mouth.

use axum::{
    http::{HeaderMap, header},
    response::Response,
};
use axum_extra::extract::cookie::CookieJar;
use cookie::{Cookie, SameSite, time::Duration};

use crate::address::PublicUrl;

const COOKIE: &str = "notice";

/// Something that was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    SignedOut,
    AddressConfirmed,
    ConfirmFirst,
    PasswordChanged,
    SessionEnded,
    OthersEnded,
    TodoAdded,
    TodoDone,
    TodoReopened,
    TodoDeleted,
    TenantRegistered,
    TenantSuspended,
    TenantResumed,
}

impl Notice {
    const ALL: [Self; 13] = [
        Self::SignedOut,
        Self::AddressConfirmed,
        Self::ConfirmFirst,
        Self::PasswordChanged,
        Self::SessionEnded,
        Self::OthersEnded,
        Self::TodoAdded,
        Self::TodoDone,
        Self::TodoReopened,
        Self::TodoDeleted,
        Self::TenantRegistered,
        Self::TenantSuspended,
        Self::TenantResumed,
    ];

    /// What people read.
    pub fn text(self) -> &'static str {
        match self {
            Self::SignedOut => "You are signed out.",
            Self::AddressConfirmed => "Your address is confirmed. Sign in with the password you chose.",
            Self::ConfirmFirst => "Your address is not confirmed yet. We have sent you the mail again.",
            Self::PasswordChanged => {
                "Your password is changed, and you are signed out everywhere. Sign in with the new one."
            }
            Self::SessionEnded => "That session is ended.",
            Self::OthersEnded => "You are signed out everywhere else.",
            Self::TodoAdded => "Added.",
            Self::TodoDone => "Done.",
            Self::TodoReopened => "Open again.",
            Self::TodoDeleted => "Deleted.",
            Self::TenantRegistered => "The tenant is registered.",
            Self::TenantSuspended => "The tenant is suspended: nobody can use it.",
            Self::TenantResumed => "The tenant is in use again.",
        }
    }

    fn code(self) -> String {
        format!("{self:?}")
    }

    /// The notice that a request carries.
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        let jar = CookieJar::from_headers(headers);
        let code = jar.get(COOKIE)?.value().to_owned();
        Self::ALL.into_iter().find(|notice| notice.code() == code)
    }

    /// Has the browser bring the notice along to the next page.
    pub fn put(self, response: &mut Response, public: &PublicUrl) {
        add_cookie(response, &cookie(self.code(), Duration::seconds(30), public));
    }

    /// Has the browser forget the notice.
    pub fn forget(response: &mut Response, public: &PublicUrl) {
        add_cookie(response, &cookie(String::new(), Duration::ZERO, public));
    }
}

fn cookie(value: String, max_age: Duration, public: &PublicUrl) -> Cookie<'static> {
    let cookie = Cookie::build((COOKIE, value)).http_only(true).secure(!public.is_development());
    cookie.same_site(SameSite::Strict).path("/").max_age(max_age).build()
}

/// Adds a cookie to a response.
pub fn add_cookie(response: &mut Response, cookie: &Cookie<'_>) {
    // Names and values here are ASCII of our own.
    if let Ok(value) = cookie.encoded().to_string().parse() {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
}
