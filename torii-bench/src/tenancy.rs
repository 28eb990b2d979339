//! What naming a tenant costs.

use std::{hint::black_box, ops::Range, time::Instant};

use torii::{RepositoryProvider, TenantId, Torii};
use torii_core::{NewUser, repositories::UserRepository as _};

use crate::{
    Result,
    args::{Comparing, Database},
    databases::{SOME_HASH, Seed, TENANT, mariadb, postgres, sqlite},
    meter::Meter,
    report::{Fact, Report, Row},
    side::{Known, Side, on, sign_in},
};

const UNTENANTED: &str = "no tenant named";
const TENANTED: &str = "with_tenant";
/// Shows how far from 1 a ratio of equals gets on this machine.
const AGAIN: &str = "no tenant named, once more (control)";
const UNTENANTED_RLS: &str = "no tenant named, row-level security";
const TENANTED_RLS: &str = "with_tenant, row-level security";

/// Entering a tenant does so little that its calls are timed by the hundred.
const ENTRIES: u32 = 100;

pub(crate) async fn run(settings: &Comparing) -> Result<Report> {
    let seed = Seed::new(settings.tenants, settings.users);
    let (mut rows, mut facts) = (Vec::new(), Vec::new());
    for database in &settings.databases {
        match database {
            Database::Sqlite => {
                let filled = sqlite::filled(&seed).await?;
                facts = entering(&filled.torii, settings)?;
                rows.extend(one_database("SQLite", &filled.torii, &seed, settings).await?);
            }
            Database::Postgres => rows.extend(with_and_without_policies(&seed, settings).await?),
            Database::Mariadb => {
                let filled = mariadb::filled(&seed).await?;
                rows.extend(one_database("MariaDB through SeaORM", &filled.torii, &seed, settings).await?);
            }
        }
    }
    Ok(Report { command: "tenancy", settings: serde_json::to_value(settings)?, rows, facts })
}

async fn one_database<R: RepositoryProvider>(
    group: &'static str,
    torii: &Torii<R>,
    seed: &Seed,
    settings: &Comparing,
) -> Result<Vec<Row>> {
    let plain = sign_in(torii, false, seed.share()).await?;
    let named = sign_in(torii, true, seed.share()).await?;
    operations(group, settings, &sides(torii, &plain, &named)).await
}

async fn with_and_without_policies(seed: &Seed, settings: &Comparing) -> Result<Vec<Row>> {
    let (open, walled) = (postgres::filled(seed, false).await?, postgres::filled(seed, true).await?);
    let (open, walled) = (&open.torii, &walled.torii);
    let plain = sign_in(open, false, seed.share()).await?;
    let named = sign_in(open, true, seed.share()).await?;
    let plain_rls = sign_in(walled, false, seed.share()).await?;
    let named_rls = sign_in(walled, true, seed.share()).await?;
    let mut sides = Vec::from(sides(open, &plain, &named));
    sides.push(side(UNTENANTED_RLS, Some(UNTENANTED), walled, false, &plain_rls));
    sides.push(side(TENANTED_RLS, Some(UNTENANTED_RLS), walled, true, &named_rls));
    operations("PostgreSQL", settings, &sides).await
}

fn sides<'t, R>(torii: &'t Torii<R>, plain: &'t [Known], named: &'t [Known]) -> [Side<'t, R>; 3] {
    [
        side(UNTENANTED, None, torii, false, plain),
        side(TENANTED, Some(UNTENANTED), torii, true, named),
        side(AGAIN, Some(UNTENANTED), torii, false, plain),
    ]
}

fn side<'t, R>(
    name: &'static str,
    against: Option<&'static str>,
    torii: &'t Torii<R>,
    tenanted: bool,
    known: &'t [Known],
) -> Side<'t, R> {
    Side { name, against, torii, tenanted, known }
}

/// One turn of one side. The numbers go through the known users, and are never the same twice in a run.
type Turn = Range<usize>;

async fn operations<R: RepositoryProvider>(
    group: &'static str,
    settings: &Comparing,
    sides: &[Side<'_, R>],
) -> Result<Vec<Row>> {
    let names: Vec<&'static str> = sides.iter().map(|side| side.name).collect();
    let mut rows = Vec::new();
    /// All sides in turn, and what came out.
    macro_rules! operation {
        ($what:literal, |$side:ident, $index:ident| $call:expr) => {{
            let mut meter = Meter::default();
            for (side, turn, counted) in turns(settings, sides) {
                if counted {
                    meter.start();
                }
                meter
                    .turn(side.name, side.against, turn, async |$index| {
                        let $side = side;
                        Ok($call)
                    })
                    .await?;
            }
            rows.extend(meter.rows(group, $what, &names));
        }};
    }
    operation!("validate_session", |side, index| on!(side, torii => {
        torii.validate_session(&side.known(index).token).await?.ok_or("the session is valid")?
    }));
    operation!("authenticate_session", |side, index| on!(side, torii => {
        torii.authenticate_session(&side.known(index).token).await?.ok_or("the session is valid")?
    }));
    operation!("get_user_by_email", |side, index| on!(side, torii => {
        torii.get_user_by_email(&side.known(index).email).await?.ok_or("the user exists")?
    }));
    operation!("create_session", |side, index| on!(side, torii => {
        torii.create_session(&side.known(index).id, None, None).await?
    }));
    operation!("register, the password hashed already", |side, index| {
        let user = NewUser::new(format!("new{index}@example.com"));
        side.repositories()?.user().register(user, SOME_HASH).await?
    });
    Ok(rows)
}

/// The sides in turn: one round that is not counted, then forwards and backwards by turns.
fn turns<'s, 't, R>(
    settings: &Comparing,
    sides: &'s [Side<'t, R>],
) -> impl Iterator<Item = (&'s Side<'t, R>, Turn, bool)> {
    let (rounds, calls) = (settings.rounds as usize, settings.calls as usize);
    (0..=rounds).flat_map(move |round| {
        (0..sides.len()).map(move |position| {
            let position = if round % 2 == 0 { position } else { sides.len() - 1 - position };
            let first = (round * sides.len() + position) * calls;
            (&sides[position], first..first + calls, round > 0)
        })
    })
}

/// `with_tenant` itself, which does no I/O: time and allocations.
fn entering<R: RepositoryProvider>(torii: &Torii<R>, settings: &Comparing) -> Result<Vec<Fact>> {
    const GROUP: &str = "with_tenant itself, and dropping what it returns";
    let id = TenantId::new(TENANT)?;
    let mut facts = Vec::new();
    let mut measure = |name: &str, enter: &dyn Fn()| {
        let mut took = Vec::new();
        for round in 0..=settings.rounds {
            for _ in 0..settings.calls {
                let began = Instant::now();
                (0..ENTRIES).for_each(|_| enter());
                if round > 0 {
                    took.push(began.elapsed() / ENTRIES);
                }
            }
        }
        let allocations = allocation_counter::measure(|| (0..ENTRIES).for_each(|_| enter()));
        let median = crate::meter::percentile(&took, 50).as_secs_f64() * 1e9;
        facts.push(Fact::new(GROUP, format!("{name}: p50"), median, "ns"));
        let (count, bytes) = (allocations.count_total as f64, allocations.bytes_total as f64);
        facts.push(Fact::new(GROUP, format!("{name}: allocations"), count / f64::from(ENTRIES), "per call"));
        facts.push(Fact::new(GROUP, format!("{name}: allocated"), bytes / f64::from(ENTRIES), "bytes per call"));
    };
    measure("with_tenant(\"acme-corp\")", &|| drop(black_box(torii.with_tenant(black_box(TENANT)))));
    measure("with_tenant(&TenantId)", &|| drop(black_box(torii.with_tenant(black_box(&id)))));
    Ok(facts)
}
