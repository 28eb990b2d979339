//! The model's inputs.

// What `sizes` shows with its defaults (1,000 tenants and the default one, 200,200 users with a password and a session each) on
// PostgreSQL 15. Sizes do not depend on how busy the machine is. Rows arrive in bulk there; a table that has lived for long has
// emptier pages.

/// Bytes of a tenant, its key included.
pub(super) const BYTES_PER_TENANT: f64 = 180.0;
/// Bytes of a user, indexes included.
pub(super) const BYTES_PER_USER: f64 = 440.1;
/// Bytes of a session, indexes included.
pub(super) const BYTES_PER_SESSION: f64 = 361.9;

// Counted, from what the schema stores.

/// A session's key: a tenant id of 11 characters and a digest, each behind a byte that says how long it is.
pub(super) const SESSION_KEY: f64 = 1.0 + 11.0 + 1.0 + 32.0;
/// The digest alone.
pub(super) const BARE_KEY: f64 = 1.0 + 32.0;

// Counted, and asserted by the laws of torii-testkit on PostgreSQL.

/// `validate_session` and `authenticate_session`.
pub(super) const STATEMENTS_PER_CHECK: f64 = 1.0;
/// `authenticate` with the right password.
pub(super) const STATEMENTS_PER_SIGN_IN: f64 = 2.0;

/// Not measured: an assumption to begin with.
pub(super) const ASSUMED_STATEMENTS_PER_NODE: f64 = 20_000.0;
