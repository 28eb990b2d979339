//! Which older version left a database behind.

use std::fmt;

/// Which older version left a database behind, as its bookkeeping tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OlderVersion {
    /// Release 0.5 and before, with a storage crate on sqlx.
    Sqlx05,
    /// What came after 0.5 and before tenants, with a storage crate on sqlx.
    Sqlx06Preview,
    /// Release 0.5 and before, with the SeaORM storage crate.
    SeaOrm05,
    /// What came after 0.5 and before tenants, with the SeaORM storage crate.
    SeaOrm06Preview,
}

impl OlderVersion {
    const ALL: [Self; 4] = [Self::Sqlx05, Self::Sqlx06Preview, Self::SeaOrm05, Self::SeaOrm06Preview];

    /// A short name that never changes: `sqlx-0.5`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sqlx05 => "sqlx-0.5",
            Self::Sqlx06Preview => "sqlx-0.6-preview",
            Self::SeaOrm05 => "seaorm-0.5",
            Self::SeaOrm06Preview => "seaorm-0.6-preview",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|version| version.as_str() == name)
    }

    /// The bookkeeping table.
    pub(crate) fn bookkeeping(self) -> &'static str {
        if self.is_sea_orm() { SEA_ORM_BOOKKEEPING } else { SQLX_BOOKKEEPING }
    }

    pub(crate) fn is_sea_orm(self) -> bool {
        matches!(self, Self::SeaOrm05 | Self::SeaOrm06Preview)
    }

    /// Whether tokens are stored as digests. Before, they were stored in clear.
    pub(crate) fn stores_digests(self) -> bool {
        matches!(self, Self::Sqlx06Preview | Self::SeaOrm06Preview)
    }
}

impl fmt::Display for OlderVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The bookkeeping of the sqlx crates: the numbers of steps. Step 8 came after 0.5.
pub(crate) const SQLX_BOOKKEEPING: &str = "_torii_migrations";

/// The bookkeeping of the SeaORM crate: the names of steps. The seventh came after 0.5.
pub(crate) const SEA_ORM_BOOKKEEPING: &str = "torii_migrations";
