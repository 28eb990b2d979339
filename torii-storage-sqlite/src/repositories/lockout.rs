//! Wrong passwords: the counter of an address, and the log.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use secrecy::SecretString;
use sqlx::{Sqlite, query::QueryAs, sqlite::SqliteArguments};
use torii_core::{
    AttemptStats, Error, FailedLoginAttempt, UserId,
    clock::saturating_add,
    error::StorageError,
    lockout::{Credentials, Lockout, LockoutLimits, ReservedAttempt},
    repositories::BruteForceProtectionRepository,
    session::{IP_ADDRESS_MAX_BYTES, cut},
};

use super::{Reading, keys, only, storable, user::UserRow};
use crate::{
    SqliteRepositoryProvider,
    error::{failed, unreadable},
};

/// The lock has ended, or without one the window is older than the period. `?6`: what began then, or before, counts no more.
macro_rules! is_over {
    () => {
        "CASE WHEN lockouts.locked_until IS NULL THEN lockouts.window_started_at <= ?6 ELSE lockouts.locked_until <= ?2 END"
    };
}

/// Counts an attempt on the address with the key `$key`, which `$from` may select. `?5` is the maximum, `?7` the end of a lock that
/// is set now.
macro_rules! count_attempt {
    ($key:expr, $from:expr, $returning:expr) => {
        concat!(
            "INSERT INTO lockouts (tenant_id, email_key, failures, window_started_at, locked_until) SELECT ?1, ",
            $key,
            ", 1, ?2, CASE WHEN ?5 <= 1 THEN ?7 END",
            $from,
            "ON CONFLICT (tenant_id, email_key) DO UPDATE SET failures = CASE WHEN ",
            is_over!(),
            " THEN excluded.failures WHEN lockouts.locked_until IS NOT NULL THEN ?5 + 1 ELSE lockouts.failures + 1 END, \
             window_started_at = CASE WHEN ",
            is_over!(),
            " THEN excluded.window_started_at ELSE lockouts.window_started_at END, locked_until = CASE WHEN ",
            is_over!(),
            " THEN excluded.locked_until WHEN lockouts.locked_until IS NULL AND lockouts.failures + 1 >= ?5 THEN ?7 \
             ELSE lockouts.locked_until END \
             RETURNING email_key, failures, window_started_at, locked_until, ",
            $returning
        )
    };
}

/// A user with the hash, as JSON; `locked_at` only as stored.
macro_rules! credentials {
    ($which:expr) => {
        concat!(
            "(SELECT json_object(",
            user_members!("users.locked_at"),
            ", 'password_hash', NULLIF(users.password_hash, '')) FROM users WHERE users.tenant_id = ?1 AND",
            $which,
            ") AS credentials"
        )
    };
}

pub(super) const RESERVE: &str =
    count_attempt!(attempts_key!("?3", "?4"), from_tenant!(), credentials!(with_email!("?3", "?4")));

/// `?3` and `?4` are both the id.
pub(super) const RESERVE_FOR_USER: &str = count_attempt!(
    "users.email_key",
    concat!(" FROM users", join_tenant!("users"), "WHERE users.tenant_id = ?1 AND users.id = ?3 "),
    credentials!(" users.id = ?4")
);

const COUNT_FAILURE: &str = count_attempt!(attempts_key!("?3", "?4"), from_tenant!(), "NULL AS credentials");

/// Attempts that were refused stand as one above the maximum `?5`. With this one taken back the maximum is not reached.
const RELEASE: &str = concat!(
    "UPDATE lockouts SET failures = min(failures, ?5) - 1, locked_until = NULL WHERE tenant_id = ?1 AND email_key = ",
    attempts_key!("?3", "?4"),
    " AND failures > 0 AND NOT ",
    is_over!()
);

pub(super) const FIND: &str = concat!(
    "SELECT lockouts.email_key, lockouts.failures, lockouts.window_started_at, lockouts.locked_until, NULL AS credentials \
     FROM lockouts",
    join_tenant!("lockouts"),
    "WHERE lockouts.tenant_id = ?1 AND lockouts.email_key = ",
    attempts_key!("?3", "?4")
);

pub(super) const DELETE: &str =
    concat!("DELETE FROM lockouts WHERE tenant_id = ?1 AND email_key = ", attempts_key!("?3", "?4"));

pub(super) const INSERT_LOG: &str = concat!(
    "INSERT INTO failed_login_attempts (tenant_id, email, ip_address, attempted_at) SELECT ?1, ",
    attempts_key!("?3", "?4"),
    ", ?5, ?2",
    from_tenant!(),
    "RETURNING id, email, ip_address, attempted_at"
);

pub(super) const LOG_STATS: &str = concat!(
    "SELECT COUNT(*), MAX(attempted_at) FROM failed_login_attempts",
    join_tenant!("failed_login_attempts"),
    "WHERE failed_login_attempts.tenant_id = ?1 AND failed_login_attempts.email = ",
    attempts_key!("?3", "?4"),
    " AND failed_login_attempts.attempted_at >= ?5"
);

pub(super) const DELETE_LOG: &str =
    concat!("DELETE FROM failed_login_attempts WHERE tenant_id = ?1 AND email = ", attempts_key!("?3", "?4"));

/// The id of the user with an address.
macro_rules! owner_id {
    () => {
        concat!("(SELECT users.id FROM users WHERE users.tenant_id = ?1 AND", with_email!("?3", "?4"), ")")
    };
}

const SET_LOCKED_AT: &str =
    concat!("UPDATE users SET locked_at = ?5 WHERE tenant_id = ?1 AND id = ", owner_id!(), " AND ", tenant_in_use!());

const GET_LOCKED_AT: &str = concat!(
    "SELECT users.locked_at FROM users",
    join_tenant!("users"),
    "WHERE users.tenant_id = ?1 AND",
    with_email!("?3", "?4")
);

#[async_trait]
impl BruteForceProtectionRepository for SqliteRepositoryProvider {
    async fn reserve_attempt(&self, email: &str, limits: LockoutLimits) -> Result<ReservedAttempt, Error> {
        let now = self.now();
        reserved(self.count_attempt("reserve a login attempt", RESERVE, email, limits, now).await?, now)
    }

    async fn reserve_attempt_for_user(
        &self,
        user_id: &UserId,
        limits: LockoutLimits,
    ) -> Result<Option<ReservedAttempt>, Error> {
        const OPERATION: &str = "reserve an attempt";
        let now = self.now();
        let mut db = self.writer(OPERATION).await?;
        let id = user_id.as_str();
        let rows = self.count(RESERVE_FOR_USER, id, id, limits, now).fetch_all(&mut *db).await;
        match only(rows.map_err(failed(OPERATION))?) {
            Some(row) => reserved(row, now).map(Some),
            None => {
                self.check_tenant(&mut db, now).await?;
                Ok(None)
            }
        }
    }

    async fn release_attempt(&self, email: &str, limits: LockoutLimits) -> Result<(), Error> {
        const OPERATION: &str = "release a login attempt";
        let now = self.now();
        let (plain, exact) = keys(email);
        let mut db = self.writer(OPERATION).await?;
        let release = self
            .query(RELEASE, now)
            .bind(plain)
            .bind(exact)
            .bind(limits.max_failed_attempts)
            .bind(saturating_add(now, -limits.lockout_period));
        release.execute(&mut *db).await.map_err(failed(OPERATION))?;
        Ok(())
    }

    async fn count_failure(&self, email: &str, limits: LockoutLimits) -> Result<Lockout, Error> {
        let row = self.count_attempt("count a wrong password", COUNT_FAILURE, email, limits, self.now()).await?;
        Ok(row.try_into()?)
    }

    async fn find_lockout(&self, email: &str) -> Result<Option<Lockout>, Error> {
        let (plain, exact) = keys(email);
        let row: Option<LockoutRow> = self
            .query_as(FIND, self.now())
            .bind(plain)
            .bind(exact)
            .fetch_optional(self.pool())
            .await
            .map_err(failed("find what counts against an address"))?;
        Ok(row.map(Lockout::try_from).transpose()?)
    }

    async fn record_failed_attempt(&self, email: &str, ip_address: Option<&str>) -> Result<FailedLoginAttempt, Error> {
        const OPERATION: &str = "record failed login attempt";
        let now = self.now();
        let (plain, exact) = keys(email);
        let ip_address = ip_address.map(|text| cut(text.to_owned(), IP_ADDRESS_MAX_BYTES));
        let mut db = self.writer(OPERATION).await?;
        self.meet_tenant(&mut db, now).await?;
        loop {
            let rows: Vec<AttemptRow> = self
                .query_as(INSERT_LOG, now)
                .bind(plain.as_str())
                .bind(exact.as_str())
                .bind(ip_address.as_deref())
                .fetch_all(&mut *db)
                .await
                .map_err(failed(OPERATION))?;
            match only(rows) {
                Some(row) => return Ok(self.attempt_of(row)?),
                None => self.ensure_tenant(&mut db, now).await?,
            }
        }
    }

    async fn get_attempt_stats(&self, email: &str, since: DateTime<Utc>) -> Result<AttemptStats, Error> {
        let (plain, exact) = keys(email);
        let (count, latest): (i64, Option<String>) = self
            .query_as(LOG_STATS, self.now())
            .bind(plain.as_str())
            .bind(exact)
            .bind(storable(since))
            .fetch_one(self.pool())
            .await
            .map_err(failed("get attempt stats"))?;
        let reading = Reading { table: "failed_login_attempts", row: &plain };
        Ok(AttemptStats {
            count: u32::try_from(count).unwrap_or(u32::MAX),
            latest_at: reading.optional_time("attempted_at", latest.as_deref())?,
        })
    }

    async fn clear_attempts(&self, email: &str) -> Result<u64, Error> {
        const OPERATION: &str = "clear attempts";
        let now = self.now();
        let (plain, exact) = keys(email);
        let mut db = self.transaction(OPERATION).await?;
        let clear = self.query(DELETE, now).bind(plain.as_str()).bind(exact.as_str());
        clear.execute(&mut *db).await.map_err(failed(OPERATION))?;
        let clear_log = self.query(DELETE_LOG, now).bind(plain).bind(exact);
        let cleared = clear_log.execute(&mut *db).await.map_err(failed(OPERATION))?.rows_affected();
        db.commit().await?;
        Ok(cleared)
    }

    async fn cleanup_old_attempts(&self, before: DateTime<Utc>) -> Result<u64, Error> {
        self.sweep_attempts(storable(before)).await
    }

    async fn set_locked_at(&self, email: &str, locked_at: Option<DateTime<Utc>>) -> Result<(), Error> {
        const OPERATION: &str = "set locked_at";
        let now = self.now();
        let (plain, exact) = keys(email);
        let mut db = self.writer(OPERATION).await?;
        let update = self.query(SET_LOCKED_AT, now).bind(plain).bind(exact).bind(locked_at.map(storable));
        if update.execute(&mut *db).await.map_err(failed(OPERATION))?.rows_affected() == 0 {
            self.check_tenant(&mut db, now).await?;
        }
        Ok(())
    }

    async fn get_locked_at(&self, email: &str) -> Result<Option<DateTime<Utc>>, Error> {
        let (plain, exact) = keys(email);
        let locked_at: Option<Option<String>> = self
            .query_scalar(GET_LOCKED_AT, self.now())
            .bind(plain.as_str())
            .bind(exact)
            .fetch_optional(self.pool())
            .await
            .map_err(failed("get locked_at"))?;
        Ok(Reading { table: "users", row: &plain }.optional_time("locked_at", locked_at.flatten().as_deref())?)
    }
}

impl SqliteRepositoryProvider {
    async fn count_attempt(
        &self,
        operation: &'static str,
        statement: &'static str,
        email: &str,
        limits: LockoutLimits,
        now: DateTime<Utc>,
    ) -> Result<LockoutRow, Error> {
        let (plain, exact) = keys(email);
        let mut db = self.writer(operation).await?;
        self.meet_tenant(&mut db, now).await?;
        loop {
            let rows = self.count(statement, &plain, &exact, limits, now).fetch_all(&mut *db).await;
            match only(rows.map_err(failed(operation))?) {
                Some(row) => return Ok(row),
                None => self.ensure_tenant(&mut db, now).await?,
            }
        }
    }

    /// A statement that counts an attempt.
    fn count(
        &self,
        statement: &'static str,
        third: &str,
        fourth: &str,
        limits: LockoutLimits,
        now: DateTime<Utc>,
    ) -> QueryAs<'static, Sqlite, LockoutRow, SqliteArguments> {
        self.query_as(statement, now)
            .bind(third.to_owned())
            .bind(fourth.to_owned())
            .bind(limits.max_failed_attempts)
            .bind(saturating_add(now, -limits.lockout_period))
            .bind(saturating_add(now, limits.lockout_period))
    }

    fn attempt_of(&self, row: AttemptRow) -> Result<FailedLoginAttempt, StorageError> {
        let reading = Reading { table: "failed_login_attempts", row: &row.email };
        Ok(FailedLoginAttempt {
            id: row.id,
            tenant_id: self.tenant_id().clone(),
            attempted_at: reading.time("attempted_at", &row.attempted_at)?,
            email: row.email,
            ip_address: row.ip_address,
        })
    }
}

/// The attempt that a statement counted.
fn reserved(row: LockoutRow, now: DateTime<Utc>) -> Result<ReservedAttempt, Error> {
    let credentials = row.credentials.as_deref().map(credentials_from_json).transpose()?;
    let lockout = Lockout::try_from(row)?;
    let locked_until = lockout.locked_until.filter(|until| *until > now);
    Ok(ReservedAttempt { number: lockout.failures, locked_until, credentials, logged: None })
}

/// A user and the hash that a statement put together as `json_object`.
fn credentials_from_json(json: &str) -> Result<Credentials, Error> {
    let row: CredentialsJson = serde_json::from_str(json).map_err(|error| unreadable("read credentials", error))?;
    Ok(Credentials { user: row.user.try_into()?, password_hash: row.password_hash })
}

#[derive(serde::Deserialize)]
struct CredentialsJson {
    #[serde(flatten)]
    user: UserRow,
    password_hash: Option<SecretString>,
}

#[derive(sqlx::FromRow)]
struct LockoutRow {
    email_key: String,
    failures: i64,
    window_started_at: String,
    locked_until: Option<String>,
    credentials: Option<String>,
}

impl TryFrom<LockoutRow> for Lockout {
    type Error = StorageError;

    fn try_from(row: LockoutRow) -> Result<Self, StorageError> {
        let reading = Reading { table: "lockouts", row: &row.email_key };
        Ok(Self {
            failures: reading.number("failures", row.failures)?,
            window_started_at: reading.time("window_started_at", &row.window_started_at)?,
            locked_until: reading.optional_time("locked_until", row.locked_until.as_deref())?,
        })
    }
}

#[derive(sqlx::FromRow)]
struct AttemptRow {
    id: i64,
    email: String,
    ip_address: Option<String>,
    attempted_at: String,
}
