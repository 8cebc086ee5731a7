//! Running the real binary.
#![allow(dead_code, reason = "each test file uses a part")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// Makes a command of the binary under test.
pub fn diptych() -> Command {
    Command::new(env!("CARGO_BIN_EXE_diptych"))
}

/// Runs the binary and returns what it printed; panics with its error when it fails.
#[track_caller]
pub fn ok(arguments: &[&str]) -> String {
    let output = diptych().args(arguments).output().expect("the binary runs");
    assert!(output.status.success(), "diptych {arguments:?} failed: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("the binary writes UTF-8")
}

/// Runs the binary, which must fail with code 1, and returns its error.
#[track_caller]
pub fn fails(arguments: &[&str]) -> String {
    let output = diptych().args(arguments).output().expect("the binary runs");
    let error = text(&output);
    assert_eq!(output.status.code(), Some(1), "diptych {arguments:?} should fail: {error}");
    assert!(!error.contains("panicked"), "{error}");
    error
}

/// Returns the error output.
pub fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Asks a question and returns the JSON.
#[track_caller]
pub fn ask(dir: &Path, operator: &str, arguments: &[&str]) -> Value {
    let dir = dir.to_str().unwrap();
    let all: Vec<&str> = ["ask", dir, operator, "--format", "json"].into_iter().chain(arguments.iter().copied()).collect();
    serde_json::from_str(&ok(&all)).expect("an answer is JSON")
}

/// Returns a cell of an answer.
#[track_caller]
pub fn cell<'a>(answer: &'a Value, id: &str) -> &'a Value {
    let cells = answer["cells"].as_array().expect("an answer has cells");
    cells.iter().find(|cell| cell["id"] == id).unwrap_or_else(|| panic!("no cell {id} in {cells:#?}"))
}

/// Runs a query and returns its rows.
#[track_caller]
pub fn sql(dir: &Path, query: &str) -> Value {
    serde_json::from_str(&ok(&["sql", dir.to_str().unwrap(), query, "--format", "json"])).expect("rows are JSON")
}

/// Makes a workspace with a spec.
pub fn workspace(spec: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("diptych.yaml"), spec).unwrap();
    dir
}

/// Writes a file of a workspace and returns its path.
pub fn file(dir: &Path, name: &str, content: impl AsRef<[u8]>) -> String {
    let path = dir.join(name);
    std::fs::write(&path, content).unwrap();
    path.to_str().unwrap().to_owned()
}

/// Returns a folder of real data, or `None` with a word about it.
pub fn data(folder: &str) -> Option<PathBuf> {
    let root = std::env::var("DIPTYCH_DATA").ok().filter(|root| !root.is_empty()).map(PathBuf::from);
    let found = root.map(|root| root.join(folder)).filter(|path| path.is_dir());
    if found.is_none() {
        println!("skipped: no data");
    }
    found
}

/// Returns an example's spec.
pub fn example(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples").join(name).join("diptych.yaml")).unwrap()
}

/// A small web shop: time, id, person, event, device, price.
pub const SHOP: &str = "format: 1
name: Shop
zone: UTC
currency: EUR
properties:
  size: { type: integer }
sources:
  web:
    files: [web*.csv]
    each: { time: at, event_id: id, user: who, device: device, properties: { size: size, '*': rest } }
    events:
      - name: what
        fields: { value: price }
";

/// Rows of the shop.
pub const SHOP_ROWS: &str = "id,at,who,what,device,price,size,colour
1,2024-03-01T10:00:00Z,ana,view,phone,,3,red
2,2024-03-01T10:01:00Z,ana,cart,phone,,3,red
3,2024-03-01T10:02:00Z,ana,buy,phone,12.50,3,red
4,2024-03-01T11:00:00Z,bob,view,laptop,,x,blue
5,2024-03-01T11:05:00Z,bob,cart,laptop,,4,
6,2024-03-02T11:05:00Z,eve,view,phone,,,
";
