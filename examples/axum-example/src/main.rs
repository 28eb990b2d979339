//! Starts the application. `README.md` says how.

#![expect(clippy::print_stdout, reason = "a program for people")]

use std::{env, error::Error, net::SocketAddr};

use tokio::net::TcpListener;
use torii::MailerConfig;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt().with_max_level(tracing_subscriber::filter::LevelFilter::INFO).init();

    // Others do not reach it: it speaks plain HTTP.
    let port = env::var("PORT").map_or(Ok(3000), |port| port.parse::<u16>())?;
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    let origin = format!("http://localhost:{}", listener.local_addr()?.port());

    // Files in `./emails`; `MailerConfig::from_env()?` for a mail server.
    let state = axum_example::open("sqlite::memory:", MailerConfig::default()).await?;
    println!("open: {origin}");
    let app = axum_example::app(state.clone(), &origin).into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, app).with_graceful_shutdown(interrupted()).await?;
    // Mail leaves in the background.
    state.torii.flush_mail().await;
    Ok(())
}

async fn interrupted() {
    // Without a handler for it the interrupt ends the process anyway.
    tokio::signal::ctrl_c().await.ok();
}
