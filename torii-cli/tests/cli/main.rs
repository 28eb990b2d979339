//! The command as whoever operates a database meets it: the program, its answers and its exit codes.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "tests")]

mod damage;
mod guide;
mod mysql;
mod postgres;
mod rollback;
mod sqlite;
mod support;
mod usage;
mod wall;
