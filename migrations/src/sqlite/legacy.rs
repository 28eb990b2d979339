//! Taking over a database that an older version left behind.
//!
//! Everything happens in one transaction with foreign keys off: the old tables are moved out of the way, today's are made as
//! the first steps of the history make them, and the rows are copied and compared. Killed anywhere, it has not happened.

mod adopt;
mod application;
mod catalog;
mod record;
mod rows;
mod script;
mod take_over;
mod work;

#[cfg(test)]
pub(super) use self::work::safe;
pub(super) use self::{
    adopt::plan,
    catalog::find,
    record::{plan_drop_backup, read as adoption},
    take_over::{drop_backup, drop_backup_of, take_over},
};
