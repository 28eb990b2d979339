//! What a flood of sign-ins does to those who are signed in already.

use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use tokio::{runtime::Handle, sync::mpsc};
use torii::{TenantId, Torii, ToriiError, sqlite::SqliteRepositoryProvider};
use torii_core::{
    error::{AuthError, Error as CoreError},
    password::{HashingConfig, PasswordHasher},
};

use crate::{
    Result,
    args::Loading,
    databases::{Seed, TENANT, sqlite},
    memory::resident_mib,
    meter::percentile,
    report::{Fact, Report, Row, micros},
    side::{Known, sign_in},
};

const PASSWORD: &str = "correct horse battery";
const ALONE: &str = "alone";
const FLOODED: &str = "in a flood of sign-ins";
pub(crate) async fn run(settings: &Loading) -> Result<Report> {
    let hasher =
        PasswordHasher::new(HashingConfig::default().max_wait(Duration::from_millis(settings.max_wait.into())))?;
    let hash = hasher.hash(&TenantId::new(TENANT)?, PASSWORD).await?;
    // Everybody signs in once, so that no address is tried often enough to be locked.
    let sign_ins = settings.sign_ins * settings.seconds * settings.rounds;
    let seed = Seed { tenants: 1, users: 2 * (sign_ins + 1), hash };
    let filled = sqlite::filled(&seed).await?;
    let known = Arc::new(sign_in(&filled.torii, true, seed.share()).await?);
    let torii = Arc::new(Torii::new(Arc::clone(filled.torii.repositories())).with_password_hasher(hasher));
    let mut measured = Measured::default();
    for round in 0..settings.rounds {
        measured.alone.push(checks(&torii, &known, settings).await?);
        measured.memory_before = measured.memory_before.or_else(resident_mib);
        measured.flood(&torii, &known, settings, round).await?;
    }
    let (rows, facts) = measured.report();
    Ok(Report { command: "load", settings: serde_json::to_value(settings)?, rows, facts })
}

type App = Arc<Torii<SqliteRepositoryProvider>>;

/// What the rounds came to.
#[derive(Default)]
struct Measured {
    alone: Vec<Vec<Duration>>,
    flooded: Vec<Vec<Duration>>,
    answers: Answers,
    memory_before: Option<f64>,
    memory_in_flood: Option<f64>,
    flood_took: Duration,
}

/// How long sign-ins took, by what they were answered.
#[derive(Default)]
struct Answers {
    signed_in: Vec<Duration>,
    busy: Vec<Duration>,
}

impl Measured {
    /// Sign-ins arrive at their rate, and session checks at theirs. Ends when the last of them is answered.
    async fn flood(&mut self, torii: &App, known: &Arc<Vec<Known>>, settings: &Loading, round: u32) -> Result<()> {
        let began = Instant::now();
        let flooding = tokio::spawn(sign_ins(Arc::clone(torii), settings.clone(), round));
        self.flooded.push(checks(torii, known, settings).await?);
        for answer in flooding.await?? {
            match answer {
                Answer::SignedIn(took) => self.answers.signed_in.push(took),
                Answer::Busy(took) => self.answers.busy.push(took),
                Answer::Memory(mib) => self.memory_in_flood = larger(self.memory_in_flood, Some(mib)),
            }
        }
        self.flood_took += began.elapsed();
        Ok(())
    }

    fn report(self) -> (Vec<Row>, Vec<Fact>) {
        let (alone, flooded) = (self.alone.concat(), self.flooded.concat());
        let p99 = |took: &[Duration]| percentile(took, 99).as_secs_f64();
        let mut ratios: Vec<f64> =
            self.flooded.iter().zip(&self.alone).map(|(flooded, alone)| p99(flooded) / p99(alone)).collect();
        ratios.sort_unstable_by(f64::total_cmp);
        let row = |way, took: &[Duration], against| Row {
            group: "SQLite",
            what: "session checks, from the moment they were due (ratios are of p99)",
            way,
            calls: took.len(),
            p50_us: micros(percentile(took, 50)),
            p99_us: micros(percentile(took, 99)),
            against,
            ratio: against.map(|_| p99(took) / p99(&alone)),
            ratio_low: against.and(ratios.first().copied()),
            ratio_high: against.and(ratios.last().copied()),
        };
        let rows = vec![row(ALONE, &alone, None), row(FLOODED, &flooded, Some(ALONE))];
        (rows, self.facts())
    }

    fn facts(&self) -> Vec<Fact> {
        let Answers { signed_in, busy } = &self.answers;
        let seconds = self.flood_took.as_secs_f64();
        let milliseconds = |took: &[Duration], percent| percentile(took, percent).as_secs_f64() * 1e3;
        let mut facts = vec![
            Fact::new("Sign-ins", "offered", (signed_in.len() + busy.len()) as f64, ""),
            Fact::new("Sign-ins", "signed in", signed_in.len() as f64, ""),
            Fact::new("Sign-ins", "answered busy", busy.len() as f64, ""),
            Fact::new("Sign-ins", "signed in per second", signed_in.len() as f64 / seconds, "per second"),
            Fact::new("Sign-ins", "signed in: p50", milliseconds(signed_in, 50), "ms"),
            Fact::new("Sign-ins", "signed in: p99", milliseconds(signed_in, 99), "ms"),
            Fact::new("Sign-ins", "answered busy: p99", milliseconds(busy, 99), "ms"),
        ];
        let memory = [("before the flood", self.memory_before), ("largest in the flood", self.memory_in_flood)];
        for (name, memory) in memory {
            facts.extend(memory.map(|mib| Fact::new("Resident memory", name, mib, "MiB")));
        }
        facts
    }
}

fn larger(one: Option<f64>, other: Option<f64>) -> Option<f64> {
    one.into_iter().chain(other).reduce(f64::max)
}

/// Session checks at their rate, each from the moment it was due.
async fn checks(torii: &App, known: &Arc<Vec<Known>>, settings: &Loading) -> Result<Vec<Duration>> {
    let (torii, known) = (Arc::clone(torii), Arc::clone(known));
    let check = move |index: usize, due: Instant| {
        let (torii, known) = (Arc::clone(&torii), Arc::clone(&known));
        async move {
            let token = &known[index % known.len()].token;
            let session = torii.with_tenant(TENANT).validate_session(token).await?;
            session.ok_or("the session is valid")?;
            Ok(due.elapsed())
        }
    };
    offer(settings.checks, settings.seconds, check).await
}

enum Answer {
    SignedIn(Duration),
    Busy(Duration),
    /// Resident, in MiB.
    Memory(f64),
}

async fn sign_ins(torii: App, settings: Loading, round: u32) -> Result<Vec<Answer>> {
    let first = (round * settings.sign_ins * settings.seconds) as usize;
    let sign_in = move |index: usize, due: Instant| {
        let torii = Arc::clone(&torii);
        async move {
            let email = format!("user{}@example.com", first + index);
            let answer = torii.with_tenant(TENANT).authenticate(&email, PASSWORD, None, None).await;
            match answer {
                Ok(_) => Ok(Answer::SignedIn(due.elapsed())),
                Err(error) if is_busy(&error) => Ok(Answer::Busy(due.elapsed())),
                Err(error) => Err(error.into()),
            }
        }
    };
    let watched = tokio::spawn(offer(
        // Ten looks a second.
        10,
        settings.seconds,
        |_, _| async { Ok(resident_mib().map(Answer::Memory)) },
    ));
    let mut answers = offer(settings.sign_ins, settings.seconds, sign_in).await?;
    answers.extend(watched.await??.into_iter().flatten());
    Ok(answers)
}

fn is_busy(error: &ToriiError) -> bool {
    let ToriiError::AuthError(detail) = error else { return false };
    matches!(detail.error(), Some(CoreError::Auth(AuthError::Busy { .. })))
}

/// Begins `rate` calls per second for some seconds, whether or not earlier ones have ended, and waits for the last. A call is
/// told its number and when it was due. The clock is kept by a thread: the runtime's timers count whole milliseconds.
async fn offer<T, F>(rate: u32, seconds: u32, call: impl Fn(usize, Instant) -> F + Send + 'static) -> Result<Vec<T>>
where
    T: Send + 'static,
    F: Future<Output = Result<T>> + Send + 'static,
{
    let (ended, mut ends) = mpsc::unbounded_channel();
    let runtime = Handle::current();
    let pacing = thread::spawn(move || {
        let began = Instant::now();
        for number in 0..rate * seconds {
            let due = began + Duration::from_secs(1) * number / rate;
            wait_until(due);
            let (ended, call) = (ended.clone(), call(number as usize, due));
            runtime.spawn(async move { ended.send(call.await).is_ok() });
        }
    });
    let mut all = Vec::new();
    // None when the thread has ended and every call, too.
    while let Some(end) = ends.recv().await {
        all.push(end?);
    }
    pacing.join().map_err(|_| "the thread that keeps the clock panicked")?;
    Ok(all)
}

fn wait_until(due: Instant) {
    // Being woken early is allowed.
    while let Some(rest) = due.checked_duration_since(Instant::now()).filter(|rest| !rest.is_zero()) {
        thread::park_timeout(rest);
    }
}
