//! How far a session check is from the bare prepared statement in the same driver.

use std::{
    hint::black_box,
    ops::Range,
    thread,
    time::{Duration, Instant},
};

use rusqlite::{CachedStatement, Connection as RusqliteConnection, OpenFlags, Params};
use sqlx::{Connection as _, MySqlConnection, PgConnection, SqliteConnection, sqlite::SqliteConnectOptions};
use torii::{RepositoryProvider, TenantId, Torii};
use torii_core::crypto::{TokenDigest, TokenUse};

use crate::{
    Result,
    args::{Comparing, Database},
    databases::{Seed, TENANT, mariadb, postgres, sqlite},
    meter::Meter,
    report::{Report, Row},
    side::{Known, sign_in},
};

const BARE: &str = "sqlx, one connection, a table without tenants";
const TENANTED: &str = "sqlx, one connection, with the tenant";
const VALIDATE: &str = "validate_session";
const AUTHENTICATE: &str = "authenticate_session (and the user)";
const VALIDATE_RLS: &str = "validate_session, row-level security";
const AUTHENTICATE_RLS: &str = "authenticate_session, row-level security";
const RUSQLITE_BARE: &str = "rusqlite on its own thread, without tenants";
const RUSQLITE_TENANTED: &str = "rusqlite on its own thread, with the tenant";

const NAMES: [&str; 8] =
    [RUSQLITE_BARE, RUSQLITE_TENANTED, BARE, TENANTED, VALIDATE, AUTHENTICATE, VALIDATE_RLS, AUTHENTICATE_RLS];

/// The table as it would be if there were no tenants. The columns are those that a check reads.
macro_rules! bare_table {
    ($options:literal) => {
        concat!(
            "CREATE TABLE bare_sessions ",
            $options,
            " AS SELECT token_digest, user_id, user_agent, ip_address, created_at, updated_at, expires_at FROM sessions"
        )
    };
}

macro_rules! lookup {
    ($table:literal, $condition:literal) => {
        concat!(
            "SELECT token_digest, user_id, user_agent, ip_address, created_at, updated_at, expires_at FROM ",
            $table,
            " WHERE ",
            $condition
        )
    };
}

pub(crate) async fn run(settings: &Comparing) -> Result<Report> {
    let seed = Seed::new(settings.tenants, settings.users);
    let mut rows = Vec::new();
    for database in &settings.databases {
        rows.extend(match database {
            Database::Sqlite => on_sqlite(&seed, settings).await?,
            Database::Postgres => on_postgres(&seed, settings).await?,
            Database::Mariadb => on_mariadb(&seed, settings).await?,
        });
    }
    Ok(Report { command: "limit", settings: serde_json::to_value(settings)?, rows, facts: Vec::new() })
}

/// A session as the statements look it up.
struct Stored<'k> {
    known: &'k Known,
    digest: [u8; 32],
}

fn stored(known: &[Known]) -> Result<Vec<Stored<'_>>> {
    let tenant = TenantId::new(TENANT)?;
    let digest = |known: &Known| *TokenDigest::new(TokenUse::Session, &tenant, known.token.expose_secret()).as_bytes();
    Ok(known.iter().map(|known| Stored { known, digest: digest(known) }).collect())
}

/// The rounds: which calls, and whether they count.
fn rounds(settings: &Comparing) -> impl Iterator<Item = (Range<usize>, bool)> {
    let calls = settings.calls as usize;
    (0..=settings.rounds as usize).map(move |round| (round * calls..(round + 1) * calls, round > 0))
}

/// Both checks of the library, each in its turn.
async fn checks<R: RepositoryProvider>(
    meter: &mut Meter,
    torii: &Torii<R>,
    stored: &[Stored<'_>],
    turn: Range<usize>,
    [validate, authenticate]: [&'static str; 2],
) -> Result<()> {
    let call = async |index: usize| {
        let token = &stored[index % stored.len()].known.token;
        Ok(torii.with_tenant(TENANT).validate_session(token).await?.ok_or("the session is valid")?)
    };
    meter.turn(validate, Some(BARE), turn.clone(), call).await?;
    let call = async |index: usize| {
        let token = &stored[index % stored.len()].known.token;
        Ok(torii.with_tenant(TENANT).authenticate_session(token).await?.ok_or("the session is valid")?)
    };
    meter.turn(authenticate, Some(BARE), turn, call).await
}

/// Both statements on a connection of sqlx, each in its turn.
macro_rules! statements {
    ($meter:expr, $connection:expr, $stored:expr, $turn:expr, $bare:expr, $tenanted:expr) => {{
        let (connection, stored) = (&mut $connection, $stored);
        let call = async |index: usize| {
            let digest = &stored[index % stored.len()].digest[..];
            Ok(sqlx::query($bare).bind(digest).fetch_one(&mut *connection).await?)
        };
        $meter.turn(BARE, None, $turn, call).await?;
        let call = async |index: usize| {
            let digest = &stored[index % stored.len()].digest[..];
            Ok(sqlx::query($tenanted).bind(TENANT).bind(digest).fetch_one(&mut *connection).await?)
        };
        $meter.turn(TENANTED, Some(BARE), $turn, call).await?;
    }};
}

async fn on_postgres(seed: &Seed, settings: &Comparing) -> Result<Vec<Row>> {
    const BARE_LOOKUP: &str = lookup!("bare_sessions", "token_digest = $1");
    const TENANTED_LOOKUP: &str = lookup!("sessions", "tenant_id = $1 AND token_digest = $2");
    let (open, walled) = (postgres::filled(seed, false).await?, postgres::filled(seed, true).await?);
    let known = sign_in(&open.torii, true, seed.share()).await?;
    let known_rls = sign_in(&walled.torii, true, seed.share()).await?;
    let (stored, stored_rls) = (stored(&known)?, stored(&known_rls)?);
    let admin = &open.database.admin;
    sqlx::query(bare_table!("")).execute(admin).await?;
    sqlx::query("ALTER TABLE bare_sessions ADD PRIMARY KEY (token_digest)").execute(admin).await?;
    sqlx::query(postgres::GRANT).execute(admin).await?;
    sqlx::query("VACUUM ANALYZE bare_sessions").execute(admin).await?;
    let mut connection = PgConnection::connect_with(&open.database.options).await?;
    let mut meter = Meter::default();
    for (turn, counted) in rounds(settings) {
        if counted {
            meter.start();
        }
        statements!(meter, connection, &stored, turn.clone(), BARE_LOOKUP, TENANTED_LOOKUP);
        checks(&mut meter, &open.torii, &stored, turn.clone(), [VALIDATE, AUTHENTICATE]).await?;
        checks(&mut meter, &walled.torii, &stored_rls, turn, [VALIDATE_RLS, AUTHENTICATE_RLS]).await?;
    }
    Ok(meter.rows("PostgreSQL", "a session is checked", &NAMES))
}

async fn on_mariadb(seed: &Seed, settings: &Comparing) -> Result<Vec<Row>> {
    const BARE_LOOKUP: &str = lookup!("bare_sessions", "token_digest = ?");
    const TENANTED_LOOKUP: &str = lookup!("sessions", "tenant_id = ? AND token_digest = ?");
    let filled = mariadb::filled(seed).await?;
    let known = sign_in(&filled.torii, true, seed.share()).await?;
    let stored = stored(&known)?;
    let mut connection = MySqlConnection::connect_with(&filled.database.options()).await?;
    sqlx::query(bare_table!("(PRIMARY KEY (token_digest))")).execute(&mut connection).await?;
    let mut meter = Meter::default();
    for (turn, counted) in rounds(settings) {
        if counted {
            meter.start();
        }
        statements!(meter, connection, &stored, turn.clone(), BARE_LOOKUP, TENANTED_LOOKUP);
        checks(&mut meter, &filled.torii, &stored, turn, [VALIDATE, AUTHENTICATE]).await?;
    }
    Ok(meter.rows("MariaDB", "a session is checked, by torii through SeaORM", &NAMES))
}

async fn on_sqlite(seed: &Seed, settings: &Comparing) -> Result<Vec<Row>> {
    const BARE_LOOKUP: &str = lookup!("bare_sessions", "token_digest = ?1");
    const TENANTED_LOOKUP: &str = lookup!("sessions", "tenant_id = ?1 AND token_digest = ?2");
    /// Like the table that it stands for. What is made of a query has no key.
    const BARE_SQLITE: [&str; 2] = [
        "CREATE TABLE bare_sessions (token_digest BLOB NOT NULL PRIMARY KEY, user_id TEXT NOT NULL, user_agent TEXT, \
         ip_address TEXT, created_at TEXT NOT NULL, updated_at TEXT NOT NULL, expires_at TEXT NOT NULL) \
         STRICT, WITHOUT ROWID",
        "INSERT INTO bare_sessions SELECT token_digest, user_id, user_agent, ip_address, created_at, updated_at, \
         expires_at FROM sessions",
    ];
    let filled = sqlite::filled(seed).await?;
    let known = sign_in(&filled.torii, true, seed.share()).await?;
    let stored = stored(&known)?;
    for statement in BARE_SQLITE {
        sqlx::query(statement).execute(filled.torii.repositories().pool()).await?;
    }
    let file = sqlite::file(&filled.database);
    let mut connection =
        SqliteConnection::connect_with(&SqliteConnectOptions::new().filename(&file).read_only(true)).await?;
    let mut rusqlite = RusqliteConnection::open_with_flags(&file, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let mut meter = Meter::default();
    for (turn, counted) in rounds(settings) {
        if counted {
            meter.start();
        }
        let digest = |index: usize| &stored[index % stored.len()].digest[..];
        let took = on_its_own_thread(&mut rusqlite, BARE_LOOKUP, turn.clone(), &|index| (digest(index),))?;
        meter.took(RUSQLITE_BARE, Some(BARE), took);
        let took = on_its_own_thread(&mut rusqlite, TENANTED_LOOKUP, turn.clone(), &|index| (TENANT, digest(index)))?;
        meter.took(RUSQLITE_TENANTED, Some(BARE), took);
        statements!(meter, connection, &stored, turn.clone(), BARE_LOOKUP, TENANTED_LOOKUP);
        checks(&mut meter, &filled.torii, &stored, turn, [VALIDATE, AUTHENTICATE]).await?;
    }
    Ok(meter.rows("SQLite", "a session is checked", &NAMES))
}

/// What no asynchronous driver can do better: the statement on a thread that does nothing else.
fn on_its_own_thread<P: Params>(
    connection: &mut RusqliteConnection,
    statement: &str,
    turn: Range<usize>,
    parameters: &(dyn Fn(usize) -> P + Sync),
) -> Result<Vec<Duration>> {
    let calls = move || -> rusqlite::Result<Vec<Duration>> {
        let mut took = Vec::with_capacity(turn.len());
        for index in turn {
            let began = Instant::now();
            let mut prepared: CachedStatement<'_> = connection.prepare_cached(statement)?;
            let end: String = prepared.query_row(parameters(index), |row| row.get("expires_at"))?;
            took.push(began.elapsed());
            black_box(end);
        }
        Ok(took)
    };
    let joined = thread::scope(|scope| scope.spawn(calls).join());
    Ok(joined.map_err(|_| "the thread of rusqlite panicked")??)
}
