//! Servers that are stopped and started again while people sign in.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop there"
)]

mod visit;

use std::collections::HashMap;

use tokio::{
    sync::{mpsc, watch},
    task::{JoinSet, block_in_place},
};
use torii::{TenantScope, ToriiBuilder, ToriiError, WithStorage};
use torii_core::{
    error::{Error, StorageError, StorageErrorKind},
    password::{HashingConfig, PasswordHasher},
};
use torii_testkit::{Provider, servers::Shutdown};

use self::visit::Visit;

const PASSWORD: &str = "correct horse battery staple";

/// Visitors of each tenant at once.
const VISITORS: usize = 4;
const TENANTS: [&str; 2] = ["acme", "globex"];
/// Visits that end well before the server is stopped, and after it is up again, of everybody.
const VISITS: usize = 5;
/// Visits that may fail in a row when the server is up again: those that were under way, and as many that find what is left of them.
const PATIENCE: usize = 3;

fn fast_hasher() -> PasswordHasher {
    PasswordHasher::new(HashingConfig::insecure_fast_for_tests()).unwrap()
}

/// What kind of storage failure an error is, whichever of its two names it goes by.
fn storage_kind(error: &ToriiError) -> Option<StorageErrorKind> {
    let (ToriiError::AuthError(detail) | ToriiError::StorageError(detail)) = error else { return None };
    match detail.error()? {
        Error::Storage(StorageError::Failed { kind, .. }) => Some(*kind),
        _ => None,
    }
}

/// What a visitor reports after each visit.
struct Report {
    visitor: usize,
    failed: bool,
}

/// Visits again and again, until told to stop. Who meets an error waits until the server is up again, as there may be nothing but
/// errors until then.
async fn visitor<P: Provider>(
    visitor: usize,
    torii: TenantScope<P>,
    reports: mpsc::UnboundedSender<Report>,
    mut stage: watch::Receiver<Stage>,
) -> (TenantScope<P>, Vec<Visit>) {
    let mut visits = Vec::new();
    let mut failures = 0;
    while *stage.borrow() != Stage::Over {
        let mut visit = Visit::of(format!("visitor-{visitor}-{}@example.com", visits.len()));
        visit.error = visit.run(&torii).await.err();
        let failed = visit.error.is_some();
        visits.push(visit);
        // Nobody listens any more when all is over.
        let _ = reports.send(Report { visitor, failed });
        if failed {
            stage.wait_for(|stage| *stage != Stage::Stopping).await.unwrap();
        }
        failures = if failed && *stage.borrow() == Stage::Up { failures + 1 } else { 0 };
        assert!(failures <= PATIENCE, "visitor {visitor} does not recover: {:?}", visits.last());
    }
    (torii, visits)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The server has been up since the visitors came.
    Running,
    /// The server is about to be stopped, or is.
    Stopping,
    /// The server is up again.
    Up,
    Over,
}

/// Waits for `count` reports of everybody that are `wanted`.
async fn everybody(reports: &mut mpsc::UnboundedReceiver<Report>, count: usize, wanted: impl Fn(&Report) -> bool) {
    let mut missing: HashMap<usize, usize> = (0..VISITORS * TENANTS.len()).map(|visitor| (visitor, count)).collect();
    while !missing.is_empty() {
        let report = reports.recv().await.expect("a visitor gave up");
        if wanted(&report)
            && let Some(left) = missing.get_mut(&report.visitor)
        {
            *left -= 1;
            if *left == 0 {
                missing.remove(&report.visitor);
            }
        }
    }
}

/// A server that can be stopped.
trait Server: Sized + Send + Sync + 'static {
    type Provider: Provider;

    async fn start() -> Self;

    fn stop(&self, how: Shutdown);

    fn start_again(&self);

    /// Opens its database as applications do.
    async fn open(&self) -> ToriiBuilder<WithStorage<Self::Provider>>;
}

/// Stops and starts the server in the middle of traffic. Then everything that was confirmed is there, nothing is there twice, calls
/// work again on the same `Torii`, and the errors in between said that the database could not be reached.
async fn survive<S: Server>(how: Shutdown) {
    let server = S::start().await;
    let builder = server.open().await.apply_migrations(true).with_password_hasher(fast_hasher());
    let torii = builder.build().await.unwrap();
    let (report, mut reports) = mpsc::unbounded_channel();
    let (stage, watched) = watch::channel(Stage::Running);
    let mut visitors = JoinSet::new();
    for number in 0..VISITORS * TENANTS.len() {
        let scope = torii.with_tenant(TENANTS[number % TENANTS.len()]);
        visitors.spawn(visitor(number, scope, report.clone(), watched.clone()));
    }
    drop(report);
    everybody(&mut reports, VISITS, |report| !report.failed).await;
    stage.send_replace(Stage::Stopping);
    block_in_place(|| server.stop(how));
    everybody(&mut reports, 1, |report| report.failed).await;
    block_in_place(|| server.start_again());
    stage.send_replace(Stage::Up);
    everybody(&mut reports, VISITS, |report| !report.failed).await;
    stage.send_replace(Stage::Over);

    let mut emails: HashMap<String, u64> = HashMap::new();
    let mut errors = Vec::new();
    for (scope, visits) in visitors.join_all().await {
        for visit in visits {
            visit.check(&scope).await;
            let tenant = scope.tenant().unwrap().id().to_string();
            *emails.entry(tenant).or_default() += 1;
            errors.extend(visit.error);
        }
    }
    assert!(errors.len() >= VISITORS * TENANTS.len(), "everybody met the outage");
    for error in &errors {
        assert_eq!(storage_kind(error), Some(StorageErrorKind::Unavailable), "{error:?}");
    }
    for (tenant, asked_for) in emails {
        let users = torii.with_tenant(tenant.as_str()).count_users().await.unwrap();
        assert!(users <= asked_for, "{users} users of {tenant}, {asked_for} registered");
    }
}

mod postgres {
    use torii::postgres::PostgresRepositoryProvider;
    use torii_testkit::servers::RestartablePostgres;

    use super::*;

    impl Server for RestartablePostgres {
        type Provider = PostgresRepositoryProvider;

        async fn start() -> Self {
            block_in_place(Self::start)
        }

        fn stop(&self, how: Shutdown) {
            self.stop(how);
        }

        fn start_again(&self) {
            self.start_again();
        }

        async fn open(&self) -> ToriiBuilder<WithStorage<Self::Provider>> {
            ToriiBuilder::new().with_postgres(&self.url()).await.unwrap()
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn a_server_that_crashes_in_the_middle_of_traffic() {
        survive::<RestartablePostgres>(Shutdown::Crash).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn a_server_that_is_restarted_in_the_middle_of_traffic() {
        survive::<RestartablePostgres>(Shutdown::Fast).await;
    }
}

mod mysql {
    use torii::seaorm::SeaORMRepositoryProvider;
    use torii_testkit::servers::{MysqlDatabase, RestartableMysql};

    use super::*;

    struct Mysql {
        // Dropped first, which needs the server.
        database: MysqlDatabase,
        server: RestartableMysql,
    }

    impl Server for Mysql {
        type Provider = SeaORMRepositoryProvider;

        async fn start() -> Self {
            let server = block_in_place(RestartableMysql::start);
            Self { database: server.empty_database().await, server }
        }

        fn stop(&self, how: Shutdown) {
            self.server.stop(how);
        }

        fn start_again(&self) {
            self.server.start_again();
        }

        async fn open(&self) -> ToriiBuilder<WithStorage<Self::Provider>> {
            ToriiBuilder::new().with_seaorm(&self.database.url()).await.unwrap()
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn a_server_that_crashes_in_the_middle_of_traffic() {
        survive::<Mysql>(Shutdown::Crash).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn a_server_that_is_restarted_in_the_middle_of_traffic() {
        survive::<Mysql>(Shutdown::Fast).await;
    }
}
