//! A server that seems to be further away than it is.

use std::{
    env, fs,
    io::{Read, Write},
    net::TcpStream,
    os::unix::net::{UnixListener, UnixStream},
    path::PathBuf,
    process,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use sqlx::postgres::PgConnectOptions;

/// The same server, with every message held back for `delay`.
pub(crate) fn away(options: PgConnectOptions, delay: Duration) -> PgConnectOptions {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    if delay.is_zero() {
        return options;
    }
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let folder = env::temp_dir().join(format!("torii-away-{}-{number}", process::id()));
    fs::create_dir_all(&folder).unwrap();
    let listener = UnixListener::bind(folder.join(format!(".s.PGSQL.{}", options.get_port()))).unwrap();
    let server = Server::of(&options);
    thread::spawn(move || {
        for client in listener.incoming() {
            server.relay(client.unwrap(), delay);
        }
    });
    options.socket(folder)
}

enum Server {
    Socket(PathBuf),
    Address(String, u16),
}

impl Server {
    fn of(options: &PgConnectOptions) -> Self {
        match options.get_socket() {
            Some(folder) => Self::Socket(folder.join(format!(".s.PGSQL.{}", options.get_port()))),
            None => Self::Address(options.get_host().to_owned(), options.get_port()),
        }
    }

    fn relay(&self, client: UnixStream, delay: Duration) {
        match self {
            Self::Socket(path) => {
                let server = UnixStream::connect(path).unwrap();
                pass_on(client.try_clone().unwrap(), server.try_clone().unwrap(), delay);
                pass_on(server, client, delay);
            }
            Self::Address(host, port) => {
                let server = TcpStream::connect((host.as_str(), *port)).unwrap();
                server.set_nodelay(true).unwrap();
                pass_on(client.try_clone().unwrap(), server.try_clone().unwrap(), delay);
                pass_on(server, client, delay);
            }
        }
    }
}

fn pass_on(mut from: impl Read + Send + 'static, mut to: impl Write + Send + 'static, delay: Duration) {
    thread::spawn(move || {
        let mut buffer = vec![0; 1 << 16];
        while let Ok(length @ 1..) = from.read(&mut buffer) {
            // The system's timers are too coarse for this.
            let arrived = Instant::now();
            while arrived.elapsed() < delay {
                thread::yield_now();
            }
            if to.write_all(&buffer[..length]).is_err() {
                return;
            }
        }
    });
}
