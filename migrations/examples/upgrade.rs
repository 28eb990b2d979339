//! Makes a large database as release 0.5.3 left it, upgrades it, and says how long that took and how large it was.
//!
//! ```text
//! cargo run --release -p torii-migration --example upgrade --features sqlite -- sqlite old.db 1000000
//! cargo run --release -p torii-migration --example upgrade --features postgres -- postgres postgres://localhost/empty 1000000
//! cargo run --release -p torii-migration --example upgrade --features mysql -- mysql mysql://localhost/empty 1000000
//! ```
//!
//! The database must be empty. There are as many sessions as users.

#![allow(clippy::print_stdout, reason = "that is what it is for")]

use std::{
    env,
    error::Error,
    sync::{Arc, Mutex},
    time::Instant,
};

use torii_migration::{MigrateOptions, MigrationReport, Progress};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let usage = "upgrade sqlite <file> <users> | upgrade postgres <url> <users> | upgrade mysql <url> <users>";
    let mut arguments = env::args().skip(1);
    let (engine, place) = (arguments.next().ok_or(usage)?, arguments.next().ok_or(usage)?);
    let users: i64 = arguments.next().ok_or(usage)?.parse()?;
    match engine.as_str() {
        #[cfg(feature = "sqlite")]
        "sqlite" => sqlite::run(&place, users).await,
        #[cfg(feature = "postgres")]
        "postgres" => postgres::run(&place, users).await,
        #[cfg(feature = "mysql")]
        "mysql" => mysql::run(&place, users).await,
        _ => Err(usage.into()),
    }
}

/// Says when each part of the work ends.
#[cfg_attr(
    not(any(feature = "mysql", feature = "postgres", feature = "sqlite")),
    expect(dead_code, reason = "without an engine")
)]
fn options() -> MigrateOptions {
    let part = Arc::new(Mutex::new((String::new(), Instant::now())));
    MigrateOptions::new().on_progress(move |progress: &Progress| {
        let name = format!("{} {}", progress.work, progress.table);
        if let Ok(mut part) = part.lock() {
            if part.0 != name {
                *part = (name, Instant::now());
            }
            if progress.done == progress.total {
                println!("  {}: {} rows in {:.1} s", part.0, progress.done, part.1.elapsed().as_secs_f64());
            }
        }
    })
}

#[cfg_attr(
    not(any(feature = "mysql", feature = "postgres", feature = "sqlite")),
    expect(dead_code, reason = "without an engine")
)]
fn tell(report: &MigrationReport, began: Instant, before: i64, after: i64) {
    let megabytes = |bytes: i64| bytes / 1_000_000;
    println!("upgraded in {:.1} s", began.elapsed().as_secs_f64());
    println!("{} MB before, {} MB after, with the backup", megabytes(before), megabytes(after));
    if let Some(adoption) = &report.adopted {
        println!("{} rows set aside", adoption.set_aside());
    }
    // Linux only; elsewhere there is no such file.
    if let Ok(status) = std::fs::read_to_string("/proc/self/status") {
        status.lines().filter(|line| line.starts_with("VmHWM")).for_each(|line| println!("most memory: {line}"));
    }
}

#[cfg(feature = "sqlite")]
mod sqlite {
    use std::{error::Error, time::Instant};

    use sqlx::{
        SqlitePool,
        sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
    };
    use torii_core::clock::SystemClock;

    const SCHEMA: &str = include_str!("../tests/fixtures/legacy/v053-sqlite.sql");

    const FILL: &str = "
        WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < ?1)
        INSERT INTO users (id, name, email, email_verified_at, password_hash)
        SELECT 'usr_' || lower(hex(randomblob(8))), 'User ' || n, 'User' || n || '@example.com', 1795438285,
            '$argon2id$v=19$m=19456,t=2,p=1$' || hex(randomblob(32)) FROM n";

    const FILL_SESSIONS: &str = "
        INSERT INTO sessions (token, user_id, user_agent, ip_address, expires_at)
        SELECT substr(hex(randomblob(22)), 1, 43), id, 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
            '203.0.113.9', 2082758400 FROM users";

    pub(super) async fn run(file: &str, users: i64) -> Result<(), Box<dyn Error>> {
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal);
        let pool = SqlitePool::connect_with(options).await?;
        let mut setup = pool.acquire().await?;
        sqlx::raw_sql("PRAGMA foreign_keys = OFF").execute(&mut *setup).await?;
        sqlx::raw_sql(SCHEMA).execute(&mut *setup).await?;
        sqlx::query(FILL).bind(users).execute(&mut *setup).await?;
        sqlx::query(FILL_SESSIONS).execute(&mut *setup).await?;
        setup.close().await?;
        let before = size(&pool).await?;
        let began = Instant::now();
        let report = torii_migration::sqlite::migrate_with(&pool, &SystemClock, &super::options()).await?;
        super::tell(&report, began, before, size(&pool).await?);
        let began = Instant::now();
        torii_migration::sqlite::drop_backup(&pool, &super::options()).await?;
        println!("backup dropped in {:.1} s", began.elapsed().as_secs_f64());
        Ok(())
    }

    async fn size(pool: &SqlitePool) -> sqlx::Result<i64> {
        sqlx::query_scalar("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size")
            .fetch_one(pool)
            .await
    }
}

#[cfg(feature = "postgres")]
mod postgres {
    use std::{
        error::Error,
        sync::atomic::{AtomicBool, Ordering},
        time::{Duration, Instant},
    };

    use sqlx::PgPool;
    use torii_core::clock::SystemClock;

    const SCHEMA: &str = include_str!("../tests/fixtures/legacy/v053-postgres.sql");

    const FILL: &str = "
        INSERT INTO users (id, name, email, email_verified_at, password_hash)
        SELECT 'usr_' || md5(n::text), 'User ' || n, 'User' || n || '@example.com', now(),
            '$argon2id$v=19$m=19456,t=2,p=1$' || md5(n::text || 'a') || md5(n::text || 'b') FROM generate_series(1, $1) AS n";

    const FILL_SESSIONS: &str = "
        INSERT INTO sessions (token, user_id, user_agent, ip_address, expires_at)
        SELECT left(md5(id) || md5(id || 'x'), 43), id, 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
            '203.0.113.9', '2036-01-01' FROM users";

    pub(super) async fn run(url: &str, users: i64) -> Result<(), Box<dyn Error>> {
        let pool = PgPool::connect(url).await?;
        sqlx::raw_sql(SCHEMA).execute(&pool).await?;
        sqlx::query(FILL).bind(users).execute(&pool).await?;
        sqlx::query(FILL_SESSIONS).execute(&pool).await?;
        sqlx::raw_sql("ANALYZE").execute(&pool).await?;
        let before = size(&pool).await?;
        // What an application goes on doing meanwhile.
        let reads = tokio::spawn(worst(pool.clone(), "SELECT name FROM users WHERE id = 'usr_ada'"));
        let writes = tokio::spawn(worst(pool.clone(), "UPDATE users SET name = name WHERE id = 'usr_zoe'"));
        let began = Instant::now();
        let report = torii_migration::postgres::migrate_with(&pool, &SystemClock, &super::options()).await?;
        super::tell(&report, began, before, size(&pool).await?);
        DONE.store(true, Ordering::Relaxed);
        println!("the longest read took {:?}, the longest write {:?}", reads.await??, writes.await??);
        let began = Instant::now();
        torii_migration::postgres::drop_backup(&pool, &super::options()).await?;
        println!("backup dropped in {:.1} s", began.elapsed().as_secs_f64());
        Ok(())
    }

    static DONE: AtomicBool = AtomicBool::new(false);

    /// How long the slowest of many took.
    async fn worst(pool: PgPool, sql: &'static str) -> sqlx::Result<Duration> {
        let mut worst = Duration::ZERO;
        let mut pause = tokio::time::interval(Duration::from_millis(5));
        while !DONE.load(Ordering::Relaxed) {
            pause.tick().await;
            let began = Instant::now();
            sqlx::query(sql).execute(&pool).await?;
            worst = worst.max(began.elapsed());
        }
        Ok(worst)
    }

    async fn size(pool: &PgPool) -> sqlx::Result<i64> {
        sqlx::query_scalar("SELECT pg_database_size(current_database())").fetch_one(pool).await
    }
}

#[cfg(feature = "mysql")]
mod mysql {
    use std::{error::Error, time::Instant};

    use sqlx::{Connection, MySqlConnection, MySqlPool};
    use torii_core::clock::SystemClock;

    const SCHEMA: &str = include_str!("../tests/fixtures/legacy/v053-seaorm-mysql.sql");

    /// Twice as many users each time.
    const DOUBLE: &str = "
        INSERT INTO users (id, name, email, email_verified_at, password_hash)
        SELECT CONCAT('usr_', LOWER(MD5(CONCAT(id, ?)))), name, CONCAT('User', MD5(CONCAT(id, ?)), '@example.com'), NOW(),
            CONCAT('$argon2id$v=19$m=19456,t=2,p=1$', MD5(id), MD5(email)) FROM users LIMIT ?";

    const FILL_SESSIONS: &str = "
        INSERT INTO sessions (token, user_id, user_agent, ip_address, expires_at)
        SELECT LEFT(CONCAT(MD5(id), MD5(email)), 43), id, 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
            '203.0.113.9', '2036-01-01' FROM users";

    const FOREIGN: &str = "
        CREATE TABLE articles (author VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci NOT NULL,
            CONSTRAINT articles_author FOREIGN KEY (author) REFERENCES users (id) ON DELETE CASCADE);
        INSERT INTO articles SELECT id FROM users LIMIT 1000";

    pub(super) async fn run(url: &str, users: i64) -> Result<(), Box<dyn Error>> {
        let pool = MySqlPool::connect(url).await?;
        let mut setup = MySqlConnection::connect_with(&pool.connect_options()).await?;
        sqlx::raw_sql(SCHEMA).execute(&mut setup).await?;
        let mut made: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM users").fetch_one(&mut setup).await?;
        let mut round = 0;
        while made < users {
            round += 1;
            let double = sqlx::query(DOUBLE).bind(round).bind(round).bind(users - made);
            made += double.execute(&mut setup).await?.rows_affected().cast_signed();
        }
        sqlx::query(FILL_SESSIONS).execute(&mut setup).await?;
        sqlx::raw_sql(FOREIGN).execute(&mut setup).await?;
        setup.close().await?;
        let before = size(&pool).await?;
        let began = Instant::now();
        let report = torii_migration::mysql::migrate_with(&pool, &SystemClock, &super::options()).await?;
        super::tell(&report, began, before, size(&pool).await?);
        let began = Instant::now();
        torii_migration::mysql::drop_backup(&pool, &super::options()).await?;
        println!("backup dropped in {:.1} s", began.elapsed().as_secs_f64());
        Ok(())
    }

    async fn size(pool: &MySqlPool) -> sqlx::Result<i64> {
        let tables = sqlx::query_scalar::<_, String>(
            "SELECT CAST(table_name AS CHAR) FROM information_schema.tables WHERE table_schema = DATABASE()",
        );
        // What the server guesses the sizes from is as old as the last look.
        for table in tables.fetch_all(pool).await? {
            let mut analyze = sqlx::QueryBuilder::<sqlx::MySql>::new("ANALYZE TABLE ");
            analyze.push(table).build().fetch_all(pool).await?;
        }
        sqlx::query_scalar(
            "SELECT CAST(SUM(data_length + index_length) AS SIGNED) FROM information_schema.tables \
             WHERE table_schema = DATABASE()",
        )
        .fetch_one(pool)
        .await
    }
}
