//! What `torii` can do, a file for each command.

pub(crate) mod migrate;
pub(crate) mod rollback;
pub(crate) mod status;
pub(crate) mod verify;

mod adoption;
