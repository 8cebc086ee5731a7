//! A served workspace of a simulated bakery, and a client that can send what no browser would.
#![allow(dead_code, reason = "each test file uses a part")]

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use diptych_engine::import::{self, Options as ImportOptions};
use diptych_engine::{SPEC_FILE, Workbench};
use diptych_server::{Options, Running, start};
use diptych_simulate::bakery::{BAKERY_SPEC, BakeryOptions, write_bakery};
use serde_json::Value;

/// Longest time that a test waits for an answer.
const PATIENCE: Duration = Duration::from_secs(120);

/// Makes the bakery once per build of this test; every test process finds it there.
pub fn bakery() -> PathBuf {
    let binary = fs::metadata(std::env::current_exe().unwrap()).unwrap();
    let made = binary.modified().unwrap().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos();
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("bakery-{made}"));
    if !root.exists() {
        let unfinished = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let data = unfinished.path().join("data");
        fs::create_dir(&data).unwrap();
        write_bakery(&BakeryOptions { customers: 300, ..BakeryOptions::default() }, &data).unwrap();
        fs::write(unfinished.path().join(SPEC_FILE), BAKERY_SPEC).unwrap();
        fs::write(unfinished.path().join("simulated.txt"), "bakery").unwrap();
        let bench = Workbench::open(unfinished.path()).unwrap();
        import::import(&bench, &import::files_of_spec(&bench).unwrap(), &options(), &mut |_| {}).unwrap();
        // Another process may have been faster.
        let _ = fs::rename(unfinished.path(), &root);
    }
    root
}

/// Options of an import far after the data.
pub fn options() -> ImportOptions {
    ImportOptions { source: None, now_us: 2_000_000_000_000_000 }
}

/// Makes a copy of the bakery that a test may change.
pub fn own_bakery() -> tempfile::TempDir {
    let own = tempfile::tempdir().unwrap();
    copy(&bakery(), own.path());
    own
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            fs::create_dir_all(&target).unwrap();
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// A server that stops with the test.
pub struct Served {
    running: Option<Running>,
    pub address: SocketAddr,
}

impl Drop for Served {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            running.stop();
        }
    }
}

/// Serves a workspace on a free port.
pub fn serve(root: &Path) -> Served {
    serve_with(Options::new(root.to_owned()))
}

/// Serves with options of one's own, on a free port.
pub fn serve_with(mut options: Options) -> Served {
    options.listen.set_port(0);
    let running = start(options).unwrap();
    Served { address: running.address(), running: Some(running) }
}

/// What came back.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: String,
    pub body: Vec<u8>,
}

impl Reply {
    /// Returns the body as text.
    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    /// Returns the body as JSON, which must be a success.
    #[track_caller]
    pub fn json(&self) -> Value {
        assert_eq!(self.status, 200, "{}", String::from_utf8_lossy(&self.body));
        serde_json::from_slice(&self.body).unwrap()
    }

    /// Returns the problem, which must have a status and a kind.
    #[track_caller]
    pub fn problem(&self, status: u16, kind: &str) -> Value {
        let text = String::from_utf8_lossy(&self.body);
        assert_eq!(self.status, status, "{text}");
        assert!(self.header("content-type").contains("application/problem+json"), "{}", self.headers);
        let problem: Value = serde_json::from_slice(&self.body).unwrap();
        assert_eq!(problem["type"], format!("urn:diptych:{kind}"), "{text}");
        assert_eq!(problem["status"], status);
        assert!(problem["title"].is_string() && problem["detail"].is_string(), "{text}");
        problem
    }

    /// Returns a header; nothing where there is none.
    pub fn header(&self, name: &str) -> &str {
        let line = self.headers.lines().find(|line| line.to_ascii_lowercase().starts_with(&format!("{name}:")));
        line.map_or("", |line| line.split_once(':').unwrap().1.trim())
    }

    /// Returns the lines of a stream.
    pub fn lines(&self) -> Vec<Value> {
        self.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

impl Served {
    /// Opens a connection.
    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// Sends a request with exactly these headers, and reads what comes back.
    #[track_caller]
    pub fn raw(&self, method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        let mut stream = self.connect();
        let mut head = format!("{method} {target} HTTP/1.1\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
        headers.iter().for_each(|(name, value)| head.push_str(&format!("{name}: {value}\r\n")));
        head.push_str("\r\n");
        // A server that refuses a large body may close before it has read all of it.
        let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
        read_reply(stream)
    }

    fn host(&self) -> String {
        self.address.to_string()
    }

    /// Reads an address as the own page does.
    #[track_caller]
    pub fn get(&self, target: &str) -> Reply {
        self.raw("GET", target, &[("host", &self.host())], b"")
    }

    /// Sends as the own page does.
    #[track_caller]
    pub fn send(&self, method: &str, target: &str, body: &[u8]) -> Reply {
        let origin = format!("http://{}", self.host());
        self.raw(method, target, &[("host", &self.host()), ("origin", &origin), ("x-diptych", "1")], body)
    }

    /// Posts JSON as the own page does.
    #[track_caller]
    pub fn post(&self, target: &str, body: &Value) -> Reply {
        self.send("POST", target, body.to_string().as_bytes())
    }
}

/// Reads a whole reply.
#[track_caller]
pub fn read_reply(mut stream: TcpStream) -> Reply {
    let mut bytes = Vec::new();
    let mut buffer = [0; 65_536];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(n) => bytes.extend_from_slice(&buffer[..n]),
            // The rest of a body that was refused makes the system reset the connection.
            Err(_) if !bytes.is_empty() => break,
            Err(error) => panic!("no reply: {error}"),
        }
    }
    let split = bytes.windows(4).position(|window| window == b"\r\n\r\n").expect("a reply has a head");
    let head = String::from_utf8(bytes[..split].to_vec()).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let mut body = bytes[split + 4..].to_vec();
    if head.to_ascii_lowercase().contains("transfer-encoding: chunked") {
        body = unchunked(&body);
    }
    Reply { status, headers: head, body }
}

fn unchunked(mut bytes: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(end) = bytes.windows(2).position(|window| window == b"\r\n") {
        let size = usize::from_str_radix(std::str::from_utf8(&bytes[..end]).unwrap().trim(), 16).unwrap();
        if size == 0 {
            break;
        }
        body.extend_from_slice(&bytes[end + 2..end + 2 + size]);
        bytes = &bytes[end + 2 + size + 2..];
    }
    body
}
