//! Starts the application. `README.md` says how.

#![expect(clippy::print_stdout, reason = "a program for people")]

use std::{env, error::Error, net::SocketAddr, sync::Arc};

use tokio::net::TcpListener;
use torii::ToriiBuilder;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt().with_max_level(tracing::Level::INFO).init();
    let torii = ToriiBuilder::new().with_sqlite("sqlite://todos.db?mode=rwc").await?;
    let torii = torii.apply_migrations(true).build().await?;

    // Others do not reach it: it speaks plain HTTP.
    let port = env::var("PORT").map_or(Ok(4000), |port| port.parse::<u16>())?;
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    println!("open: http://{}", listener.local_addr()?);

    // With connect info, so that sessions know where they were begun.
    let app = todos::app(Arc::new(torii)).into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, app).with_graceful_shutdown(interrupted()).await?;
    Ok(())
}

async fn interrupted() {
    // Without a handler for it the interrupt ends the process anyway.
    tokio::signal::ctrl_c().await.ok();
}
