//! Sweeping in the background.

use std::{sync::Arc, time::Duration};

use torii_core::{
    RepositoryProvider,
    repositories::{CleanupRetention, CleanupScope},
};

/// Sweeps all tenants every `interval`, first after one interval, until nobody else holds `repositories`.
pub(crate) fn run_every<R: RepositoryProvider>(interval: Duration, repositories: &Arc<R>, retention: CleanupRetention) {
    let repositories = Arc::downgrade(repositories);
    tokio::spawn(async move {
        let mut ticks = tokio::time::interval_at(tokio::time::Instant::now() + interval, interval);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let Some(repositories) = repositories.upgrade() else { return };
            match repositories.cleanup(CleanupScope::AllTenants, retention).await {
                Ok(report) if report.total() > 0 => tracing::info!(%report, "swept what was over"),
                Ok(_) => {}
                Err(error) => tracing::warn!(%error, "sweeping failed, it is tried again later"),
            }
        }
    });
}
