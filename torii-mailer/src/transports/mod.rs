//! The ways out: SMTP, files, the sendmail command, and memory for tests.

pub mod smtp;

mod file;
mod memory;
mod sendmail;
#[cfg(test)]
mod tests;

pub use file::FileTransport;
pub use memory::MemoryTransport;
pub use sendmail::SendmailTransport;
pub use smtp::{SmtpTransport, TlsConfig};
