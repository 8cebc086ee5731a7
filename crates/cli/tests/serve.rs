//! `diptych serve`: the very answers of the command line, over HTTP.

mod common;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Stdio};
use std::time::Duration;

use common::{diptych, fails, file, ok, workspace};

const SPEC: &str = "format: 1\nsources:\n  web:\n    files: [web.csv]\n    each: { time: at, user: who, device: device }\n    events:\n      - name: event\n";

/// A process that ends with the test.
struct Serving(Child);

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn post(address: &str, target: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let length = body.len();
    write!(
        stream,
        "POST {target} HTTP/1.1\r\nhost: {address}\r\nx-diptych: 1\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).unwrap();
    reply.split_once("\r\n\r\n").expect("a reply has a head").1.to_owned()
}

#[test]
fn a_served_workspace_answers_as_the_command_line_does() {
    let dir = workspace(SPEC);
    let root = dir.path().to_str().unwrap();
    file(
        dir.path(),
        "web.csv",
        "who,at,event,device\na,2024-01-01T10:00,view,phone\na,2024-01-01T10:05,buy,phone\nb,2024-01-02T10:00,view,desk\n",
    );
    ok(&["import", root]);
    let mut child = diptych().args(["serve", root, "--listen", "127.0.0.1:0"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let _serving = Serving(child);
    let address = line.split("http://").nth(1).unwrap().trim_end().trim_end_matches('/').to_owned();
    let by_hand = ok(&["ask", root, "funnel", "--step", "view", "--step", "buy", "--by", "device", "--format", "json"]);
    let over_http = post(&address, "/api/ask/funnel", r#"{"params": {"steps": ["view", "buy"]}, "by": "device"}"#);
    assert_eq!(over_http.trim_end(), by_hand.trim_end());
}

#[test]
fn what_cannot_be_served_is_said() {
    let dir = tempfile::tempdir().unwrap();
    file(dir.path(), "letter.txt", "somebody's own folder");
    assert!(fails(&["serve", dir.path().to_str().unwrap()]).contains("diptych init"));
    let dir = workspace(SPEC);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    assert!(fails(&["serve", dir.path().to_str().unwrap(), "--listen", &address]).contains("cannot listen here"));
    assert!(fails(&["serve", dir.path().to_str().unwrap(), "--token", "short"]).contains("16 letters"));
}
