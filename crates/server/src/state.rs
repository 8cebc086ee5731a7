//! What all requests share: the workspace's folder, the limits, and the gate through which heavy work goes.

use std::net::SocketAddr;
use std::sync::{Arc, PoisonError};

use diptych_engine::ask::Limits;
use diptych_engine::report::Report;
use diptych_engine::watch::Unwatched;
use diptych_engine::{KeptOpen, Workbench};
use tokio::sync::{Mutex, Semaphore};

use crate::Options;
use crate::problem::Problem;

/// Pieces of heavy work at the same time: so many that a small question seldom waits behind large ones, so few that their
/// memory adds up to something known.
const N_PLACES: usize = 8;

/// What all requests share.
pub struct Served {
    /// What the server was started with.
    pub options: Options,
    /// The address that it listens on.
    pub address: SocketAddr,
    /// Names that this server goes by in `Host`, with the port; empty where the address is not a loopback one.
    pub hosts: Vec<String>,
    /// Held while `diptych.yaml` is compared and written.
    pub spec: Mutex<()>,
    /// Timelines that stay open from request to request.
    kept: Arc<KeptOpen>,
    /// The last report, and what it was made of.
    report: std::sync::Mutex<Option<(String, Arc<Report>)>>,
    /// A place for each piece of heavy work that runs at the same time.
    places: Arc<Semaphore>,
}

/// What all requests share, by handle.
pub type App = Arc<Served>;

impl Served {
    /// Makes the state of a server at an address.
    pub fn new(options: Options, address: SocketAddr) -> Self {
        let port = address.port();
        let names = if address.ip().is_loopback() { vec!["127.0.0.1", "localhost", "[::1]"] } else { Vec::new() };
        let hosts = names.into_iter().map(|name| format!("{name}:{port}")).collect();
        Self {
            options,
            address,
            hosts,
            spec: Mutex::new(()),
            kept: Arc::default(),
            report: std::sync::Mutex::default(),
            places: Arc::new(Semaphore::new(N_PLACES)),
        }
    }

    /// Opens the workspace as it is on the disk now: a spec that was edited by hand counts at once.
    pub fn bench(&self) -> Result<Workbench, Problem> {
        Ok(Workbench::open(&self.options.root)?.keeping_open(self.kept.clone()))
    }

    /// Makes the report, or returns the last one where spec, log and timelines are still those that it was made of.
    ///
    /// Whoever asks while it is being made waits for the same one.
    pub fn report(&self, limits: &Limits) -> Result<Arc<Report>, Problem> {
        let bench = self.bench()?;
        let mut last = self.report.lock().unwrap_or_else(PoisonError::into_inner);
        let key = bench.answers_key()?;
        if let Some((known, report)) = &*last
            && key.as_ref() == Some(known)
        {
            return Ok(report.clone());
        }
        *last = None;
        let report = Arc::new(bench.report(limits, &Unwatched)?);
        // What was imported meanwhile may be in a part of it.
        *last = key.filter(|key| bench.answers_key().is_ok_and(|now| now.as_ref() == Some(key))).map(|key| (key, report.clone()));
        Ok(report)
    }
}

/// Does heavy work on a thread of its own when there is a place for it; first come, first served.
///
/// The work is told its share of the cores: all of them when it is alone.
pub async fn work<T: Send + 'static>(
    app: &App,
    job: impl FnOnce(&Served, Limits) -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    let place = app.places.clone().acquire_owned().await.map_err(Problem::bug)?;
    let n_running = N_PLACES - app.places.available_permits();
    let all = Limits::default();
    let limits = Limits { n_threads: (all.n_threads / n_running.max(1)).max(1), memory_bytes: app.options.memory_bytes, ..all };
    let app = app.clone();
    let done = tokio::task::spawn_blocking(move || {
        let _place = place;
        job(&app, limits)
    });
    done.await.unwrap_or_else(|error| Err(Problem::bug(error)))
}

/// Does work that reads a little, on a thread where it may wait for the disk; it waits for nobody.
pub async fn quick<T: Send + 'static>(app: &App, job: impl FnOnce(&Served) -> Result<T, Problem> + Send + 'static) -> Result<T, Problem> {
    let app = app.clone();
    tokio::task::spawn_blocking(move || job(&app)).await.unwrap_or_else(|error| Err(Problem::bug(error)))
}
