//! Two tenants in one SQLite file: the same address in both, and no way from one to the other.
#![expect(clippy::print_stdout, reason = "a program for people")]

use std::{error::Error, sync::Arc};

use torii::{MailerConfig, ToriiBuilder, ToriiError};
use torii_mailer::MemoryTransport;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let database = folder.path().join("app.db");
    let outbox = MemoryTransport::new();

    let torii = ToriiBuilder::new()
        .with_sqlite(&format!("sqlite://{}?mode=rwc", database.display()))
        .await?
        .with_mail_transport(Arc::new(outbox.clone()), MailerConfig::default())
        .apply_migrations(true)
        .build()
        .await?;
    println!("opened an SQLite file and created the schema");

    // Two tenants. Each is a closed world, although both are in the same tables.
    let acme = torii.with_tenant("acme-corp");
    let globex = torii.with_tenant("globex");

    let acme_john = acme.register_user("john@example.com", "correct horse battery").await?;
    let globex_john = globex.register_user("john@example.com", "another long password").await?;
    println!("registered john@example.com twice: {} in acme-corp, {} in globex", acme_john.id, globex_john.id);

    let agent = Some("quickstart".to_owned());
    let (user, session) = acme.authenticate("john@example.com", "correct horse battery", agent, None).await?;
    println!("signed {} in to acme-corp until {}", user.email, session.expires_at.format("%Y-%m-%d"));

    let token = session.token.ok_or("a new session has its token")?;
    let (user, _) = acme.authenticate_session(&token).await?.ok_or("the session is valid in acme-corp")?;
    println!("the session's token is valid in acme-corp: {}", user.id);

    acme.magic_link().send_link("jane@example.com", "https://acme.example/sign-in").await?;
    acme.flush_mail().await;
    let mail = outbox.sent().pop().ok_or("the mail is in the outbox")?;
    let text = mail.text_body.ok_or("the mail has a text part")?;
    let link_token = text
        .split_whitespace()
        .find_map(|word| word.split_once("?token="))
        .map(|(_, token)| token.to_owned())
        .ok_or("the mail has a link")?;
    let (jane, _) = acme.magic_link().authenticate(&link_token, None, None).await?;
    println!("{} followed a magic link from her mail and is signed in, address verified", jane.email);

    // The denied crossings.
    let crossing = globex.authenticate_session(&token).await?;
    println!("the acme-corp session in globex: {}", if crossing.is_none() { "nobody" } else { "SOMEBODY" });
    let wrong_door = globex.authenticate("john@example.com", "correct horse battery", None, None).await;
    match wrong_door {
        Err(ToriiError::AuthError(refusal)) => println!("the acme-corp password in globex: {refusal}"),
        _ => return Err("a password worked in another tenant".into()),
    }
    println!(
        "users: {} in acme-corp, {} in globex, {} in the default tenant",
        acme.count_users().await?,
        globex.count_users().await?,
        torii.count_users().await?
    );
    Ok(())
}
