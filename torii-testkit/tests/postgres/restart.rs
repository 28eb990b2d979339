//! A server that is stopped and started again while people sign in.

use std::{collections::HashMap, sync::Arc};

use tokio::{
    sync::{mpsc, watch},
    task::{JoinSet, block_in_place},
};
use torii::{SessionToken, TenantScope, Torii, ToriiBuilder, ToriiError, UserId, postgres::PostgresRepositoryProvider};
use torii_core::error::StorageErrorKind;
use torii_testkit::servers::{RestartablePostgres, Shutdown};

use super::{PASSWORD, fast_hasher, storage_kind};

type Scope = TenantScope<PostgresRepositoryProvider>;

/// Visitors of each tenant at once.
const VISITORS: usize = 4;
const TENANTS: [&str; 2] = ["acme", "globex"];
/// Visits that end well before the server is stopped, and after it is up again, of everybody.
const VISITS: usize = 5;
/// Visits that may fail in a row when the server is up again: those that were under way, and as many that find what is left of them.
const PATIENCE: usize = 3;

/// One person, who registers, signs in, looks around and stays.
#[derive(Debug)]
struct Visit {
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
    error: Option<ToriiError>,
}

impl Visit {
    fn of(email: String) -> Self {
        Self { email, user: None, sign_in: None, session: None, replaced: Vec::new(), error: None }
    }

    async fn run(&mut self, torii: &Scope) -> Result<(), ToriiError> {
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
    async fn check(&self, torii: &Scope) {
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

/// What a visitor reports after each visit.
struct Report {
    visitor: usize,
    failed: bool,
}

/// Visits again and again, until told to stop. Who meets an error waits until the server is up again, as there may be nothing but
/// errors until then.
async fn visitor(
    visitor: usize,
    torii: Scope,
    reports: mpsc::UnboundedSender<Report>,
    mut stage: watch::Receiver<Stage>,
) -> (Scope, Vec<Visit>) {
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

async fn open(server: &RestartablePostgres) -> Torii<PostgresRepositoryProvider> {
    let builder = ToriiBuilder::new().with_postgres(&server.url()).await.unwrap().apply_migrations(true);
    builder.with_password_hasher(fast_hasher()).build().await.unwrap()
}

/// Stops and starts the server in the middle of traffic. Then everything that was confirmed is there, nothing is there twice, calls
/// work again on the same `Torii`, and the errors in between said that the database could not be reached.
async fn survive(how: Shutdown) {
    let server = Arc::new(RestartablePostgres::start());
    let torii = open(&server).await;
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

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_server_that_crashes_in_the_middle_of_traffic() {
    survive(Shutdown::Crash).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_server_that_is_restarted_in_the_middle_of_traffic() {
    survive(Shutdown::Fast).await;
}
