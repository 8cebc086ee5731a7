//! Answers that come line by line (NDJSON), so that progress can be shown; a client that goes away is noticed.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::response::Response;
use diptych_engine::{Answer, EngineError, Watch};
use serde_json::{Map, Value};
use tokio::sync::mpsc;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;

use crate::problem::Problem;
use crate::request::media;

/// Lines that a slow client may lag behind before the work waits for it.
const LINES_WAITING: usize = 64;

/// The writing end of a stream of lines.
#[derive(Clone)]
pub struct Lines {
    sender: mpsc::Sender<Bytes>,
}

impl Lines {
    /// Makes a stream, and the response that carries it.
    pub fn new() -> (Self, Response) {
        let (sender, receiver) = mpsc::channel(LINES_WAITING);
        let body = Body::from_stream(ReceiverStream::new(receiver).map(Ok::<_, std::convert::Infallible>));
        (Self { sender }, media("application/x-ndjson", body))
    }

    /// Tells whether the client went away.
    pub fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    /// Waits until the client goes away.
    pub async fn closed(&self) {
        self.sender.closed().await;
    }

    /// Writes a line, waiting for a slow client; for threads that do heavy work.
    pub fn tell(&self, kind: &str, fields: &[(&str, Value)]) {
        // A client that went away needs no line.
        let _ = self.sender.blocking_send(line(kind, fields));
    }

    /// Writes the last line.
    pub async fn finish(&self, kind: &str, fields: &[(&str, Value)]) {
        let _ = self.sender.send(line(kind, fields)).await;
    }

    /// Writes the last line of what failed.
    pub async fn fail(&self, problem: &Problem) {
        self.finish("error", &[("problem", serde_json::to_value(problem).expect("a problem is plain data"))]).await;
    }
}

/// Least time between two partial answers: as often as somebody can read them.
const BETWEEN_PARTIALS: Duration = Duration::from_millis(400);

/// Tells a client how far its question is, and stops the question when the client goes away.
pub struct Told {
    lines: Lines,
    last_partial: Mutex<Instant>,
}

impl Told {
    /// Tells whoever reads the lines.
    pub fn new(lines: Lines) -> Self {
        Self { lines, last_partial: Mutex::new(Instant::now()) }
    }
}

impl Watch for Told {
    fn counted(&self, done: usize, of: usize) -> Result<(), EngineError> {
        if self.lines.is_closed() {
            return Err(EngineError::Cancelled);
        }
        self.lines.tell("progress", &[("done", done.into()), ("of", of.into())]);
        Ok(())
    }

    fn wants_partial(&self, _done: usize, _of: usize) -> bool {
        let mut last = self.last_partial.lock().expect("nobody panics while looking at the clock");
        let is_time = last.elapsed() >= BETWEEN_PARTIALS;
        if is_time {
            *last = Instant::now();
        }
        is_time
    }

    fn partial(&self, done: usize, of: usize, answer: Answer) {
        let answer = serde_json::to_value(answer).expect("answers are plain data");
        self.lines.tell("partial", &[("done", done.into()), ("of", of.into()), ("answer", answer)]);
    }
}

/// Stops a question whose client went away before the answer: dropping [`Asker`] tells it.
#[derive(Default)]
pub struct Unless(Arc<AtomicBool>);

/// Whoever waits for an answer.
pub struct Asker(Arc<AtomicBool>);

impl Unless {
    /// Returns whom to keep for as long as somebody waits.
    pub fn asker(&self) -> Asker {
        Asker(self.0.clone())
    }
}

impl Drop for Asker {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Watch for Unless {
    fn counted(&self, _done: usize, _of: usize) -> Result<(), EngineError> {
        if self.0.load(Ordering::Relaxed) { Err(EngineError::Cancelled) } else { Ok(()) }
    }

    fn wants_partial(&self, _done: usize, _of: usize) -> bool {
        false
    }

    fn partial(&self, _done: usize, _of: usize, _answer: Answer) {}
}

fn line(kind: &str, fields: &[(&str, Value)]) -> Bytes {
    let mut object = Map::from_iter([("type".to_owned(), Value::from(kind))]);
    object.extend(fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    let mut text = serde_json::to_vec(&Value::Object(object)).expect("lines are plain data");
    text.push(b'\n');
    text.into()
}
