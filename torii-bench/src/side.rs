//! A filled database as one caller sees it: in a tenant, or without naming one.

use torii::{RepositoryProvider, SessionToken, TenantId, Torii, UserId};
use torii_core::repositories::UserRepositoryProvider;

use crate::{Result, databases::TENANT};

/// Users whom calls are about, at most.
const KNOWN: u32 = 200;

/// A user of whom calls are made.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) email: String,
    pub(crate) id: UserId,
    pub(crate) token: SessionToken,
}

/// One way to call.
pub(crate) struct Side<'t, R> {
    pub(crate) name: &'static str,
    pub(crate) against: Option<&'static str>,
    pub(crate) torii: &'t Torii<R>,
    /// Whether the call goes through `with_tenant`.
    pub(crate) tenanted: bool,
    pub(crate) known: &'t [Known],
}

/// Calls on a side: entering the tenant, if there is one, is part of what is called.
macro_rules! on {
    ($side:expr, $torii:ident => $call:expr) => {
        if $side.tenanted {
            let $torii = &$side.torii.with_tenant($crate::databases::TENANT);
            $call
        } else {
            let $torii = $side.torii;
            $call
        }
    };
}
pub(crate) use on;

impl<R: RepositoryProvider> Side<'_, R> {
    pub(crate) fn known(&self, index: usize) -> &Known {
        &self.known[index % self.known.len()]
    }

    /// The storage that the side's calls reach: the tenant's, entered as `with_tenant` does, or the default one's.
    pub(crate) fn repositories(&self) -> Result<R>
    where
        R: UserRepositoryProvider,
    {
        let tenant = if self.tenanted { TenantId::new(TENANT)? } else { TenantId::default_tenant() };
        Ok(self.torii.repositories().for_tenant(tenant))
    }
}

/// Begins a session for some of the seeded users of the default tenant, or of the named one.
pub(crate) async fn sign_in<R: RepositoryProvider>(torii: &Torii<R>, tenanted: bool, share: u32) -> Result<Vec<Known>> {
    let mut known = Vec::new();
    for number in 0..share.clamp(1, KNOWN) {
        let email = format!("user{number}@example.com");
        let side = Side { name: "", against: None, torii, tenanted, known: &[] };
        let user = on!(side, torii => torii.get_user_by_email(&email).await?);
        let id = user.ok_or_else(|| format!("{email} was seeded"))?.id;
        let session = on!(side, torii => torii.create_session(&id, None, None).await?);
        let token = session.token.ok_or("a new session has its token")?;
        known.push(Known { email, id, token });
    }
    Ok(known)
}
