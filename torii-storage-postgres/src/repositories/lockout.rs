//! Wrong passwords: the counter of an address, and the log.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use secrecy::SecretString;
use sqlx::{FromRow, Row, postgres::PgRow};
use torii_core::{
    AttemptStats, Error, FailedLoginAttempt, UserId,
    clock::saturating_add,
    error::StorageError,
    lockout::{Credentials, Lockout, LockoutLimits, ReservedAttempt},
    repositories::BruteForceProtectionRepository,
};

use super::{Reading, StoredTime, keys, session::ip_address, storable, user::UserRow};
use crate::{
    PostgresRepositoryProvider,
    access::{Bind, Bound, Row as Readable, nothing},
};

/// The lock has ended, or without one the window is older than the period. `$6`: what began then, or before, counts no more.
macro_rules! is_over {
    () => {
        "CASE WHEN lockouts.locked_until IS NULL THEN lockouts.window_started_at <= $6 ELSE lockouts.locked_until <= $2 END"
    };
}

/// Counts an attempt on the address with the key `$key`, which `$from` may select. `$5` is the maximum, `$7` the end of a lock that
/// is set now.
macro_rules! count_attempt {
    ($key:expr, $from:expr) => {
        concat!(
            "INSERT INTO lockouts (tenant_id, email_key, failures, window_started_at, locked_until) SELECT $1, ",
            $key,
            ", 1, $2, CASE WHEN $5 <= 1 THEN $7 END",
            $from,
            "ON CONFLICT (tenant_id, email_key) DO UPDATE SET failures = CASE WHEN ",
            is_over!(),
            " THEN excluded.failures WHEN lockouts.locked_until IS NOT NULL THEN $5 + 1 ELSE lockouts.failures + 1 END, \
             window_started_at = CASE WHEN ",
            is_over!(),
            " THEN excluded.window_started_at ELSE lockouts.window_started_at END, locked_until = CASE WHEN ",
            is_over!(),
            " THEN excluded.locked_until WHEN lockouts.locked_until IS NULL AND lockouts.failures + 1 >= $5 THEN $7 \
             ELSE lockouts.locked_until END \
             RETURNING lockouts.email_key, lockouts.failures, lockouts.window_started_at, lockouts.locked_until"
        )
    };
}

/// Counts an attempt and finds the user whom `$which` picks. `locked_at` is only as stored. `$log` is a part that logs the attempt,
/// and `$logged` the number of the entry.
macro_rules! reserve {
    ($count:expr, $which:expr) => {
        reserve!($count, $which, "", "NULL::bigint")
    };
    ($count:expr, $which:expr, $log:literal, $logged:literal) => {
        concat!(
            "WITH attempt AS (",
            $count,
            ")",
            $log,
            " SELECT ",
            $logged,
            " AS logged, attempt.email_key, attempt.failures, attempt.window_started_at, attempt.locked_until, ",
            columns_of_user!("owner"),
            ", owner.password_hash FROM attempt LEFT JOIN (SELECT ",
            stored_user_columns!(),
            ", NULLIF(users.password_hash, '') AS password_hash FROM users WHERE users.tenant_id = $1 AND",
            $which,
            ") AS owner ON true"
        )
    };
}

const RESERVE: &str = reserve!(count_attempt!(attempts_key!("$3", "$4"), from_tenant!()), with_email!("$3", "$4"));

/// An attempt beyond the maximum is refused without a look at the password, so it is no wrong one. `$8` is where it came from.
const RESERVE_AND_LOG: &str = reserve!(
    count_attempt!(attempts_key!("$3", "$4"), from_tenant!()),
    with_email!("$3", "$4"),
    ", log AS (INSERT INTO failed_login_attempts (tenant_id, email, ip_address, attempted_at) \
     SELECT $1, attempt.email_key, $8, $2 FROM attempt WHERE attempt.failures <= $5 RETURNING id)",
    "(SELECT log.id FROM log)"
);

/// `$3` and `$4` are both the id.
const RESERVE_FOR_USER: &str = reserve!(
    count_attempt!(
        "users.email_key",
        concat!(" FROM users", join_tenant!("users"), "WHERE users.tenant_id = $1 AND users.id = $3 ")
    ),
    " users.id = $4"
);

const COUNT_FAILURE: &str = count_attempt!(attempts_key!("$3", "$4"), from_tenant!());

/// Attempts that were refused stand as one above the maximum `$5`. With this one taken back the maximum is not reached.
macro_rules! release {
    () => {
        concat!(
            "UPDATE lockouts SET failures = LEAST(failures, $5) - 1, locked_until = NULL WHERE tenant_id = $1 AND email_key = ",
            attempts_key!("$3", "$4"),
            " AND failures > 0 AND NOT ",
            is_over!()
        )
    };
}

const RELEASE: &str = release!();

const RELEASE_LOGGED: &str =
    concat!("WITH log AS (DELETE FROM failed_login_attempts WHERE tenant_id = $1 AND id = $7) ", release!());

const FIND: &str = concat!(
    "SELECT lockouts.email_key, lockouts.failures, lockouts.window_started_at, lockouts.locked_until FROM lockouts",
    join_tenant!("lockouts"),
    "WHERE lockouts.tenant_id = $1 AND lockouts.email_key = ",
    attempts_key!("$3", "$4")
);

const INSERT_LOG: &str = concat!(
    "INSERT INTO failed_login_attempts (tenant_id, email, ip_address, attempted_at) SELECT $1, ",
    attempts_key!("$3", "$4"),
    ", $5, $2",
    from_tenant!(),
    "RETURNING id, email, ip_address, attempted_at"
);

const LOG_STATS: &str = concat!(
    "SELECT COUNT(*), MAX(failed_login_attempts.attempted_at) FROM failed_login_attempts",
    join_tenant!("failed_login_attempts"),
    "WHERE failed_login_attempts.tenant_id = $1 AND failed_login_attempts.email = ",
    attempts_key!("$3", "$4"),
    " AND failed_login_attempts.attempted_at >= $5"
);

/// The counter and the log of an address at once. Says how many entries the log had.
const CLEAR: &str = concat!(
    "WITH cleared AS (DELETE FROM lockouts WHERE tenant_id = $1 AND email_key = ",
    attempts_key!("$3", "$4"),
    "), log AS (DELETE FROM failed_login_attempts WHERE tenant_id = $1 AND email = ",
    attempts_key!("$3", "$4"),
    " RETURNING id) SELECT COUNT(*) FROM log"
);

/// The id of the user with an address.
macro_rules! owner_id {
    () => {
        concat!("(SELECT users.id FROM users WHERE users.tenant_id = $1 AND", with_email!("$3", "$4"), ")")
    };
}

const SET_LOCKED_AT: &str =
    concat!("UPDATE users SET locked_at = $5 WHERE tenant_id = $1 AND id = ", owner_id!(), " AND ", tenant_in_use!());

const GET_LOCKED_AT: &str = concat!(
    "SELECT users.locked_at FROM users",
    join_tenant!("users"),
    "WHERE users.tenant_id = $1 AND",
    with_email!("$3", "$4")
);

#[async_trait]
impl BruteForceProtectionRepository for PostgresRepositoryProvider {
    async fn reserve_attempt(&self, email: &str, limits: LockoutLimits) -> Result<ReservedAttempt, Error> {
        let (now, row) =
            self.count_attempt::<ReservedRow>("reserve a login attempt", RESERVE, email, limits, nothing).await?;
        row.into_attempt(now)
    }

    async fn reserve_and_log_attempt(
        &self,
        email: &str,
        limits: LockoutLimits,
        address: Option<&str>,
    ) -> Result<ReservedAttempt, Error> {
        let address = address.map(ip_address);
        let reserve = |reserve: Bound| reserve.bind(address.clone());
        let (now, row) = self
            .count_attempt::<ReservedRow>("reserve a login attempt", RESERVE_AND_LOG, email, limits, reserve)
            .await?;
        row.into_attempt(now)
    }

    async fn reserve_attempt_for_user(
        &self,
        user_id: &UserId,
        limits: LockoutLimits,
    ) -> Result<Option<ReservedAttempt>, Error> {
        let call = self.call("reserve an attempt");
        let now = call.now();
        let row: Option<ReservedRow> = call
            .write(RESERVE_FOR_USER, |count| {
                count
                    .bind(user_id.as_str())
                    .bind(user_id.as_str())
                    .bind(i64::from(limits.max_failed_attempts))
                    .bind(saturating_add(now, -limits.lockout_period))
                    .bind(saturating_add(now, limits.lockout_period))
            })
            .await?;
        match row {
            Some(row) => row.into_attempt(now).map(Some),
            None => self.check_tenant(call).await.map(|()| None),
        }
    }

    async fn release_attempt(&self, email: &str, limits: LockoutLimits) -> Result<(), Error> {
        self.release(RELEASE, email, limits, nothing).await
    }

    async fn release_logged_attempt(
        &self,
        email: &str,
        limits: LockoutLimits,
        logged: Option<i64>,
    ) -> Result<(), Error> {
        match logged {
            Some(id) => self.release(RELEASE_LOGGED, email, limits, move |release| release.bind(id)).await,
            None => self.release_attempt(email, limits).await,
        }
    }

    async fn count_failure(&self, email: &str, limits: LockoutLimits) -> Result<Lockout, Error> {
        let counted = self.count_attempt::<LockoutRow>("count a wrong password", COUNT_FAILURE, email, limits, nothing);
        let (_, row) = counted.await?;
        Ok(row.try_into()?)
    }

    async fn find_lockout(&self, email: &str) -> Result<Option<Lockout>, Error> {
        let (plain, exact) = keys(email);
        let call = self.call("find what counts against an address");
        let row: Option<LockoutRow> = call.read(FIND, |find| find.bind(plain.as_str()).bind(exact.as_str())).await?;
        Ok(row.map(Lockout::try_from).transpose()?)
    }

    async fn record_failed_attempt(&self, email: &str, address: Option<&str>) -> Result<FailedLoginAttempt, Error> {
        let (plain, exact) = keys(email);
        let address = address.map(ip_address);
        let call = self.call("record failed login attempt");
        self.meet_tenant(call).await?;
        let row: AttemptRow = self
            .creating(call, || {
                call.write(INSERT_LOG, |insert| {
                    insert.bind(plain.as_str()).bind(exact.as_str()).bind(address.as_deref())
                })
            })
            .await?;
        Ok(self.attempt_of(row)?)
    }

    async fn get_attempt_stats(&self, email: &str, since: DateTime<Utc>) -> Result<AttemptStats, Error> {
        let (plain, exact) = keys(email);
        let stats: Option<(i64, Option<StoredTime>)> = self
            .call("get attempt stats")
            .read(LOG_STATS, |stats| stats.bind(plain.as_str()).bind(exact.as_str()).bind(storable(since)))
            .await?;
        let (count, latest) = stats.unwrap_or_default();
        let reading = Reading { table: "failed_login_attempts", row: &plain };
        Ok(AttemptStats {
            count: u32::try_from(count).unwrap_or(u32::MAX),
            latest_at: reading.optional_time("attempted_at", latest)?,
        })
    }

    async fn clear_attempts(&self, email: &str) -> Result<u64, Error> {
        let (plain, exact) = keys(email);
        let call = self.call("clear attempts");
        let cleared: Option<(i64,)> =
            call.write(CLEAR, |clear| clear.bind(plain.as_str()).bind(exact.as_str())).await?;
        Ok(cleared.map_or(0, |(cleared,)| cleared.unsigned_abs()))
    }

    async fn cleanup_old_attempts(&self, before: DateTime<Utc>) -> Result<u64, Error> {
        self.sweep_attempts(storable(before)).await
    }

    async fn set_locked_at(&self, email: &str, locked_at: Option<DateTime<Utc>>) -> Result<(), Error> {
        let (plain, exact) = keys(email);
        let call = self.call("set locked_at");
        let update = call.execute(SET_LOCKED_AT, |update| {
            update.bind(plain.as_str()).bind(exact.as_str()).bind(locked_at.map(storable))
        });
        match update.await? {
            0 => self.check_tenant(call).await,
            _ => Ok(()),
        }
    }

    async fn get_locked_at(&self, email: &str) -> Result<Option<DateTime<Utc>>, Error> {
        let (plain, exact) = keys(email);
        let call = self.call("get locked_at");
        let row: Option<(Option<StoredTime>,)> =
            call.read(GET_LOCKED_AT, |find| find.bind(plain.as_str()).bind(exact.as_str())).await?;
        let locked_at = row.and_then(|(locked_at,)| locked_at);
        Ok(Reading { table: "users", row: &plain }.optional_time("locked_at", locked_at)?)
    }
}

impl PostgresRepositoryProvider {
    /// Takes an attempt back. `and` binds what the statement needs beyond `$6`.
    async fn release(
        &self,
        statement: &'static str,
        email: &str,
        limits: LockoutLimits,
        and: impl Bind,
    ) -> Result<(), Error> {
        let (plain, exact) = keys(email);
        let call = self.call("release a login attempt");
        let counts_from = saturating_add(call.now(), -limits.lockout_period);
        let release = call.execute(statement, |release| {
            and(release
                .bind(plain.clone())
                .bind(exact.clone())
                .bind(i64::from(limits.max_failed_attempts))
                .bind(counts_from))
        });
        release.await.map(drop)
    }

    /// Counts an attempt; says when, and what the statement returned. `and` binds what it needs beyond `$7`.
    async fn count_attempt<T: Readable + Send>(
        &self,
        operation: &'static str,
        statement: &'static str,
        email: &str,
        limits: LockoutLimits,
        and: impl Bind,
    ) -> Result<(DateTime<Utc>, T), Error> {
        let (plain, exact) = keys(email);
        let call = self.call(operation);
        let now = call.now();
        self.meet_tenant(call).await?;
        let row = self
            .creating(call, || {
                call.write(statement, |count| {
                    and(count
                        .bind(plain.clone())
                        .bind(exact.clone())
                        .bind(i64::from(limits.max_failed_attempts))
                        .bind(saturating_add(now, -limits.lockout_period))
                        .bind(saturating_add(now, limits.lockout_period)))
                })
            })
            .await?;
        Ok((now, row))
    }

    fn attempt_of(&self, row: AttemptRow) -> Result<FailedLoginAttempt, StorageError> {
        let reading = Reading { table: "failed_login_attempts", row: &row.email };
        Ok(FailedLoginAttempt {
            id: row.id,
            tenant_id: self.tenant_id().clone(),
            attempted_at: reading.time("attempted_at", row.attempted_at)?,
            email: row.email,
            ip_address: row.ip_address,
        })
    }
}

#[derive(FromRow)]
struct LockoutRow {
    email_key: String,
    failures: i64,
    window_started_at: StoredTime,
    locked_until: Option<StoredTime>,
}

impl TryFrom<LockoutRow> for Lockout {
    type Error = StorageError;

    fn try_from(row: LockoutRow) -> Result<Self, StorageError> {
        let reading = Reading { table: "lockouts", row: &row.email_key };
        Ok(Self {
            failures: reading.number("failures", row.failures)?,
            window_started_at: reading.time("window_started_at", row.window_started_at)?,
            locked_until: reading.optional_time("locked_until", row.locked_until)?,
        })
    }
}

struct ReservedRow {
    lockout: LockoutRow,
    owner: Option<UserRow>,
    password_hash: Option<String>,
    logged: Option<i64>,
}

impl ReservedRow {
    fn into_attempt(self, now: DateTime<Utc>) -> Result<ReservedAttempt, Error> {
        let lockout = Lockout::try_from(self.lockout)?;
        let credentials = match self.owner {
            Some(user) => {
                Some(Credentials { user: user.try_into()?, password_hash: self.password_hash.map(SecretString::from) })
            }
            None => None,
        };
        let locked_until = lockout.locked_until.filter(|until| *until > now);
        Ok(ReservedAttempt { number: lockout.failures, locked_until, credentials, logged: self.logged })
    }
}

impl<'r> FromRow<'r, PgRow> for ReservedRow {
    fn from_row(row: &'r PgRow) -> sqlx::Result<Self> {
        Ok(Self {
            lockout: LockoutRow::from_row(row)?,
            owner: UserRow::if_any(row)?,
            password_hash: row.try_get("password_hash")?,
            logged: row.try_get("logged")?,
        })
    }
}

#[derive(FromRow)]
struct AttemptRow {
    id: i64,
    email: String,
    ip_address: Option<String>,
    attempted_at: StoredTime,
}
