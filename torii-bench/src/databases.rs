//! Databases with tenants, users and sessions in them, filled by a few statements each.

use torii::{SystemClock, Torii};
use torii_core::Clock as _;

use crate::Result;

pub(crate) mod mariadb;
pub(crate) mod postgres;
pub(crate) mod sqlite;

/// The tenant that calls name.
pub(crate) const TENANT: &str = "acme-corp";

/// How much is in a database. User `i` of all belongs to tenant `i % (tenants + 1)`, where 0 is the default one and 1 is
/// [`TENANT`], so that every tenant has the same share.
#[derive(Clone, Debug)]
pub(crate) struct Seed {
    pub(crate) tenants: u32,
    pub(crate) users: u32,
    /// The password hash of every user.
    pub(crate) hash: String,
}

/// What Argon2id with torii's parameters writes, in length and form. It is nobody's password.
pub(crate) const SOME_HASH: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$c29tZSBzYWx0IG9mIDE2IGI$MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE";

/// What a browser says that it is.
const USER_AGENT: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";

impl Seed {
    pub(crate) fn new(tenants: u32, users: u32) -> Self {
        Self { tenants, users, hash: SOME_HASH.to_owned() }
    }

    /// How many users the default tenant and [`TENANT`] have each, at least.
    pub(crate) fn share(&self) -> u32 {
        self.users / (self.tenants + 1)
    }

    fn all_tenants(&self) -> i64 {
        i64::from(self.tenants) + 1
    }
}

/// When everything that is seeded began, and when its sessions end.
fn times() -> (chrono::DateTime<chrono::Utc>, chrono::DateTime<chrono::Utc>) {
    let now = SystemClock.now();
    (now, now + chrono::TimeDelta::days(30))
}

/// The library on a database, which is gone when this is dropped.
pub(crate) struct Filled<R, D> {
    pub(crate) torii: Torii<R>,
    /// The folder, or the database on its server.
    pub(crate) database: D,
}

/// Bytes of a table with its indexes, and its rows.
pub(crate) struct TableSize {
    pub(crate) table: String,
    pub(crate) rows: i64,
    pub(crate) bytes: i64,
}

/// Those tables whose size depends on how many users there are.
pub(crate) fn interesting(sizes: Vec<TableSize>) -> Result<Vec<TableSize>> {
    let sizes: Vec<TableSize> = sizes.into_iter().filter(|size| size.rows > 1).collect();
    if sizes.is_empty() { Err("nothing was seeded".into()) } else { Ok(sizes) }
}
