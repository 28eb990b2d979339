//! Starts the application. `README.md` says how.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for people")]

use std::{error::Error, net::SocketAddr, process::ExitCode, sync::Arc};

use multi_tenant_todos::{
    address::PublicUrl,
    app::{Setup, StartError},
    config::{Config, Database},
    mail::{Mail, Outbox},
    storage,
};
use secrecy::{ExposeSecret, SecretString};
use tokio::net::TcpListener;
use torii::{Clock, SessionToken, SystemClock};

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt().with_max_level(tracing::Level::INFO).init();
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            let mut cause = error.source();
            while let Some(error) = cause {
                eprintln!("  because: {error}");
                cause = error.source();
            }
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    let config = Config::from_environment()?;
    let address = config.listen;
    let listener = TcpListener::bind(address).await.map_err(|source| StartError::Listen { address, source })?;
    let public = match config.public {
        Some(public) => public,
        None => PublicUrl::localhost(listener.local_addr().map_err(StartError::Serve)?.port()),
    };

    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let development = public.is_development();
    let mail = if development { Mail::Outbox(Outbox::new(Arc::clone(&clock))) } else { Mail::FromEnvironment };
    // In development there is always an operator's page, under a token that is new with every start.
    let new_token = || development.then(|| SecretString::from(SessionToken::new_random().expose_secret()));
    let told = config.operator_token.is_some();
    let operator_token = config.operator_token.or_else(new_token);

    let origin = public.origin();
    let shown_token = operator_token.clone().filter(|_| development && !told);
    let setup = Setup { public, clock, mail, operator_token, trusted_proxies: config.trusted_proxies };
    let app = storage::open(&config.database, setup).await?;
    match &config.database {
        Database::File(path) => println!("database: {}", path.display()),
        Database::Url(_) => println!("database: as DATABASE_URL says"),
    }
    println!("open:     {}", origin);
    if development {
        println!("mails:    {}/dev/outbox", origin);
    }
    if let Some(token) = shown_token {
        println!("operator: {}/operator, user name: operator, password: {}", origin, token.expose_secret());
    }

    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, app).with_graceful_shutdown(interrupted()).await.map_err(StartError::Serve)?;
    Ok(())
}

async fn interrupted() {
    // Without a handler for it the interrupt ends the process anyway.
    tokio::signal::ctrl_c().await.ok();
}
