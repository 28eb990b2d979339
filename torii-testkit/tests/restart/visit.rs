//! Who comes, and what has to be true of them afterwards.

use torii::{SessionToken, TenantScope, ToriiError, UserId};
use torii_testkit::Provider;

use crate::PASSWORD;

/// One person, who registers, signs in, looks around and stays.
#[derive(Debug)]
pub(crate) struct Visit {
    email: String,
    /// Whose registration was confirmed.
    user: Option<UserId>,
    /// Whether the sign-in was asked for, and whether it was confirmed.
    sign_in: Option<bool>,
    /// The session that was confirmed last, unless nobody knows whether it was replaced.
    session: Option<SessionToken>,
    /// The sessions that were replaced.
    replaced: Vec<SessionToken>,
    /// Why the visit ended early.
    pub(crate) error: Option<ToriiError>,
}

impl Visit {
    pub(crate) fn of(email: String) -> Self {
        Self { email, user: None, sign_in: None, session: None, replaced: Vec::new(), error: None }
    }

    pub(crate) async fn run<P: Provider>(&mut self, torii: &TenantScope<P>) -> Result<(), ToriiError> {
        self.user = Some(torii.register_user(&self.email, PASSWORD).await?.id);
        self.sign_in = Some(false);
        let (_, session) = torii.authenticate(&self.email, PASSWORD, None, None).await?;
        self.sign_in = Some(true);
        let token = session.token.unwrap();
        self.session = Some(token.clone());
        assert!(torii.validate_session(&token).await?.is_some(), "{}: a new session is valid", self.email);
        // Until the answer is there, nobody knows which of the two tokens works.
        self.session = None;
        let next = torii.refresh_session(&token).await?.token.unwrap();
        self.session = Some(next.clone());
        self.replaced.push(token);
        let found = torii.authenticate_session(&next).await?.map(|(user, _)| user.id);
        assert_eq!(found, self.user, "{}: a refreshed session is its user's", self.email);
        Ok(())
    }

    /// Looks for what was confirmed, and for what nobody asked for.
    pub(crate) async fn check<P: Provider>(&self, torii: &TenantScope<P>) {
        let email = &self.email;
        let found = torii.get_user_by_email(email).await.unwrap().map(|user| user.id);
        if self.user.is_some() {
            assert_eq!(found, self.user, "{email}: a registration that was confirmed is there");
        }
        let Some(user) = found else { return };
        let sessions = torii.list_user_sessions(&user).await.unwrap().len();
        match self.sign_in {
            None => assert_eq!(sessions, 0, "{email}: nobody asked for a session"),
            Some(false) => assert!(sessions <= 1, "{email}: one session was asked for, there are {sessions}"),
            // Refreshed or not.
            Some(true) => assert_eq!(sessions, 1, "{email}: one sign-in is one session"),
        }
        if let Some(token) = &self.session {
            let owner = torii.authenticate_session(token).await.unwrap().map(|(user, _)| user.id);
            assert_eq!(owner.as_ref(), Some(&user), "{email}: a session that was confirmed is there");
        }
        for token in &self.replaced {
            assert!(torii.validate_session(token).await.unwrap().is_none(), "{email}: a replaced session is over");
        }
        // A sign-in without an answer may have left its reservation, once.
        let counted = torii.get_lockout_status(email).await.unwrap().failed_attempts;
        let expected = if self.sign_in == Some(false) { 0..=1 } else { 0..=0 };
        assert!(expected.contains(&counted), "{email}: {counted} attempts count");
        torii.authenticate(email, PASSWORD, None, None).await.unwrap();
    }
}
