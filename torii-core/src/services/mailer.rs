//! Mail to users; empty without the feature `mailer`.

#[cfg(feature = "mailer")]
mod service;

#[cfg(feature = "mailer")]
pub use self::service::{Letter, MailerService, ToriiMailerService};
