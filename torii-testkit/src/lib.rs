//! Laws that every torii storage backend keeps, and what tests of applications need.
//!
//! # For tests of an application
//!
//! - [`ManualClock`]: nothing has to sleep to see something expire. Hand it to the storage provider.
//! - [`MemoryTransport`]: an outbox that keeps mails instead of sending them.
//! - [`authenticator::SoftAuthenticator`]: a browser and an authenticator in one, for passkey flows.
//!
//! # For the author of a backend
//!
//! A law is a plain function, `async fn law<P: Provider>(w: &World<P>)`, with one sentence that says the rule; it panics when
//! the rule is broken. The modules of [`laws`](mod@laws) are the long form of what [`torii_core::repositories`] asks for.
//!
//! 1. Implement [`Backend`] for a unit struct: how to get a fresh, migrated database, and how many statements an operation may
//!    run.
//! 2. Turn the one list of laws into tests, in an integration test of the crate:
//!
//!    ```text
//!    torii_testkit::laws!(my_database, my_crate::testing::MyDatabase);
//!    ```
//!
//!    The tests are called `my_database::default_tenant::<law>` and `my_database::named_tenant::<law>`. Each opens a
//!    [`World`](world::World): a database of its own in which another tenant has everything that the law is about to make, under
//!    the same names. After the law that neighbour must be as it was, so that every law is a law about isolation too.
//! 3. `TORII_TEST_BACKENDS=sqlite,my_database` in the environment narrows what runs; without it everything does.
//!
//! # How the laws are known to work
//!
//! [`saboteurs`](mod@saboteurs) are providers that are wrong on purpose, each in one way. Each must turn the law that forbids it red.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a law says by a panic that it is broken")]

pub mod authenticator;
pub mod backend;
pub mod clock;
pub mod laws;
pub mod run;
pub mod saboteurs;
#[cfg(any(feature = "mysql-server", feature = "postgres-server"))]
pub mod servers;
pub mod statements;
pub mod world;

pub use self::{
    backend::{Backend, Provider},
    clock::ManualClock,
};
/// The outbox: keeps mails instead of sending them.
pub use torii_mailer::MemoryTransport;
