//! Listening, serving connections, and stopping.

use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::middleware;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::watch;

use crate::state::{App, Served};
use crate::{guard, routes, state};

/// Most bytes of a request's head; longer addresses get an answer up to here, and a closed connection beyond.
const HEAD_BYTES_MAX: usize = 2 << 20;
/// Longest time in which a client may send the head of a request.
const HEAD_TIME: Duration = Duration::from_secs(30);
/// Stack of threads that do heavy work: expressions of people may be deeply nested.
const STACK_BYTES: usize = 64 << 20;

/// What a server is started with.
#[derive(Debug, Clone)]
pub struct Options {
    /// Folder of the workspace.
    pub root: PathBuf,
    /// Address to listen on; port 0 takes a free one.
    pub listen: SocketAddr,
    /// What a caller must show; needed on other than loopback addresses.
    pub token: Option<String>,
    /// Bytes that one answer's counts, or one query, may take.
    pub memory_bytes: usize,
    /// Longest time of one query.
    pub sql_time: Duration,
    /// Most bytes of one uploaded file.
    pub upload_bytes: u64,
}

impl Options {
    /// Makes the options of a server for this machine alone.
    pub fn new(root: PathBuf) -> Self {
        Self {
            root,
            listen: SocketAddr::from(([127, 0, 0, 1], 7070)),
            token: None,
            memory_bytes: 1 << 30,
            sql_time: Duration::from_secs(120),
            upload_bytes: 1 << 40,
        }
    }
}

/// A server at work.
pub struct Running {
    address: SocketAddr,
    app: App,
    stop: watch::Sender<bool>,
    runtime: Runtime,
}

impl Running {
    /// Returns the address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the address to open in a browser, with the token where one is needed.
    pub fn url(&self, token: Option<&str>) -> String {
        match token {
            Some(token) => format!("http://{}/?token={token}", self.address),
            None => format!("http://{}/", self.address),
        }
    }

    /// Makes the report ahead of the first request, which most often is for it.
    pub fn prepare_report(&self) {
        let app = self.app.clone();
        self.runtime.spawn(async move {
            // Whoever asks is told what is wrong.
            let _ = state::work(&app, |app, limits| app.report(&limits).map(drop)).await;
        });
    }

    /// Serves until the process ends.
    pub fn wait(&self) {
        let mut stopped = self.stop.subscribe();
        let _ = self.runtime.block_on(stopped.wait_for(|stopped| *stopped));
    }

    /// Takes no more connections, ends those that are open, and returns.
    pub fn stop(self) {
        self.stop.send_replace(true);
        self.runtime.shutdown_timeout(Duration::from_secs(10));
    }
}

/// Makes a token that nobody guesses.
pub fn new_token() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}

/// Starts to serve a workspace.
pub fn start(options: Options) -> io::Result<Running> {
    let wrong = |what: &str| Err(io::Error::new(io::ErrorKind::InvalidInput, what));
    match &options.token {
        None if !options.listen.ip().is_loopback() => return wrong("a token is needed on an address that others can reach"),
        Some(token) if token.len() < 16 || !token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)) => {
            return wrong("the token must have at least 16 letters, digits, - or _");
        }
        _ => {}
    }
    let listener = StdListener::bind(options.listen)?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().thread_stack_size(STACK_BYTES).enable_all().build()?;
    let app = Arc::new(Served::new(options, address));
    let router = routes::router(&app).layer(middleware::from_fn_with_state(app.clone(), guard::guard));
    let (stop, stopped) = watch::channel(false);
    let listener = {
        let _inside = runtime.enter();
        TcpListener::from_std(listener)?
    };
    runtime.spawn(accept(listener, router, stopped));
    Ok(Running { address, app, stop, runtime })
}

async fn accept(listener: TcpListener, router: Router, mut stopped: watch::Receiver<bool>) {
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopped.wait_for(|stopped| *stopped) => return,
        };
        let Ok((stream, _)) = stream else {
            // Too many open files: those that are open must end first.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let service = TowerToHyperService::new(router.clone());
        let mut stopped = stopped.clone();
        tokio::spawn(async move {
            let mut builder = http1::Builder::new();
            builder.timer(TokioTimer::new()).header_read_timeout(HEAD_TIME).max_buf_size(HEAD_BYTES_MAX);
            let connection = builder.serve_connection(TokioIo::new(stream), service);
            tokio::select! {
                // A connection that breaks is the client's affair.
                _ = connection => {}
                _ = stopped.wait_for(|stopped| *stopped) => {}
            }
        });
    }
}
