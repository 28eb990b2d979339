//! One file per mail, for development.

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use lettre::{AsyncFileTransport, AsyncTransport, Tokio1Executor};

use crate::{Email, Mailer, MailerError, message};

/// Writes each mail to a directory as `<uuid>.eml`, which any mail client opens.
///
/// The files hold working sign-in links; the directory is not for production and not for a web server's root.
#[derive(Debug, Clone)]
pub struct FileTransport {
    output_dir: PathBuf,
}

impl FileTransport {
    /// Writes to `output_dir`, which is created with its parents. This touches the disk, so call it at start-up.
    ///
    /// # Errors
    ///
    /// [`MailerError::Io`] if the directory cannot be created.
    pub fn new<P: AsRef<Path>>(output_dir: P) -> Result<Self, MailerError> {
        let output_dir = output_dir.as_ref().to_path_buf();
        std::fs::create_dir_all(&output_dir)?;
        Ok(Self { output_dir })
    }

    /// The directory.
    #[must_use]
    pub fn output_dir(&self) -> &Path {
        &self.output_dir
    }
}

#[async_trait]
impl Mailer for FileTransport {
    async fn send_email(&self, email: Email) -> Result<(), MailerError> {
        let message = message::build(&email)?;
        let transport = AsyncFileTransport::<Tokio1Executor>::new(&self.output_dir);
        transport.send(message).await?;
        Ok(())
    }
}
