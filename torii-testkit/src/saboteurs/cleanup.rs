//! What can be wrong with cleaning up.

use torii_core::{
    Error, PageRequest,
    repositories::{CleanupReport, CleanupRetention, CleanupScope, SessionRepository, UserRepository},
};

use super::{Sabotage, Saboteur};
use crate::Provider;

/// The wrong clean-up, if that is what is wrong.
pub(super) async fn wrong<P: Provider>(
    saboteur: &Saboteur<P>,
    scope: CleanupScope,
    retention: CleanupRetention,
) -> Option<Result<CleanupReport, Error>> {
    if saboteur.strikes(Sabotage::SweepsNothing) {
        return Some(Ok(CleanupReport::default()));
    }
    if saboteur.strikes(Sabotage::SweepsEveryTenant) {
        return Some(saboteur.inner.cleanup(CleanupScope::AllTenants, retention).await);
    }
    if saboteur.strikes(Sabotage::SweepsLiveSessions) {
        return Some(sweep_live_sessions(saboteur, scope, retention).await);
    }
    if saboteur.strikes(Sabotage::SweepsOneBatch) {
        let swept = saboteur.inner.cleanup(scope, retention).await;
        return Some(swept.map(|mut report| {
            report.sessions = report.sessions.min(500);
            report
        }));
    }
    None
}

async fn sweep_live_sessions<P: Provider>(
    saboteur: &Saboteur<P>,
    scope: CleanupScope,
    retention: CleanupRetention,
) -> Result<CleanupReport, Error> {
    for user in saboteur.inner.user().page(&PageRequest::default()).await?.items {
        saboteur.inner.session().delete_by_user_id(&user.id).await?;
    }
    saboteur.inner.cleanup(scope, retention).await
}
