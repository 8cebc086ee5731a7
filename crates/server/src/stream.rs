//! Answers that come line by line (NDJSON), so that progress can be shown; a client that goes away is noticed.

use axum::body::{Body, Bytes};
use axum::response::Response;
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

fn line(kind: &str, fields: &[(&str, Value)]) -> Bytes {
    let mut object = Map::from_iter([("type".to_owned(), Value::from(kind))]);
    object.extend(fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    let mut text = serde_json::to_vec(&Value::Object(object)).expect("lines are plain data");
    text.push(b'\n');
    text.into()
}
