//! Bad input: what the person sees, and that nothing is lost.

mod common;

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use common::*;

#[track_caller]
fn import_fails(name: &str, content: impl AsRef<[u8]>, expected: &[&str]) {
    let dir = workspace(SHOP);
    let path = file(dir.path(), name, content);
    let error = fails(&["import", dir.path().to_str().unwrap(), &path]);
    for part in expected {
        assert!(error.contains(part), "{part:?} in {error}");
    }
}

#[track_caller]
fn rejected(rows: impl AsRef<[u8]>, expected: &[&str]) {
    let dir = workspace(SHOP);
    let path = file(dir.path(), "web.csv", rows);
    let imported = ok(&["import", dir.path().to_str().unwrap(), &path]);
    assert!(imported.contains("1 rejected"), "{imported}");
    let list = ok(&["quarantine", dir.path().to_str().unwrap(), "list"]);
    for part in expected {
        assert!(list.contains(part), "{part:?} in {list}");
    }
}

/// Writes a number as the binary does.
struct Thousands(u64);

impl std::fmt::Debug for Thousands {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{},{:03}", self.0 / 1000, self.0 % 1000)
    }
}

const HEADER: &str = "id,at,who,what,device,price,size\n";

#[test]
fn a_truncated_gzip_file_keeps_what_was_read_and_can_be_finished() {
    let mut rows = String::from(HEADER);
    for n in 0..60_000_u64 {
        rows.push_str(&format!(
            "{n},2024-03-01T10:{:02}:{:02}Z,p{},view,phone,,{}\n",
            n / 60 % 60,
            n % 60,
            n % 997,
            n.wrapping_mul(2_654_435_761_u64) % 9_999
        ));
    }
    let gzip = |bytes: &[u8]| {
        let mut gzip = Command::new("gzip").arg("-c").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("gzip is installed");
        let mut stdin = gzip.stdin.take().unwrap();
        let bytes = bytes.to_vec();
        let writer = std::thread::spawn(move || stdin.write_all(&bytes).unwrap());
        let output = gzip.wait_with_output().unwrap();
        writer.join().unwrap();
        output.stdout
    };
    let whole = gzip(rows.as_bytes());
    let dir = workspace(SHOP);
    let root = dir.path().to_str().unwrap();
    let cut = file(dir.path(), "web.csv.gz", &whole[..whole.len() / 2]);
    let error = fails(&["import", root, &cut]);
    assert!(error.contains("web.csv.gz") && error.contains("stops in the middle, at line"), "{error}");
    let n = sql(dir.path(), "select count(*) as n from events")[0]["n"].as_u64().unwrap();
    assert!(0 < n && n < 60_000, "{n}");
    let whole = file(dir.path(), "web.csv.gz", &whole);
    let imported = ok(&["import", root, &whole]);
    assert!(imported.contains(&format!("{:?} duplicates", Thousands(n))), "{imported}");
    assert_eq!(sql(dir.path(), "select count(*) as n from events")[0]["n"], 60_000);
}

#[test]
fn files_that_cannot_be_used_say_why() {
    import_fails("web.csv", "", &["web.csv", "empty"]);
    import_fails(
        "web.csv",
        "id,when,who,what,device,price,size\n1,2024-03-01,a,view,x,,\n",
        &["line 10", "no column at", "columns: id, when"],
    );
    import_fails("web.parquet", "this is no parquet", &["web.parquet", "arquet"]);
    import_fails("web.xlsx", "this is no workbook", &["web.xlsx"]);
    import_fails("web.unknown", "a", &["does not tell the format", "format: csv"]);
    let dir = workspace(SHOP);
    let error = fails(&["import", dir.path().to_str().unwrap(), "no-such-file.csv"]);
    assert!(error.contains("no-such-file.csv") && error.contains("no such file"), "{error}");
}

#[test]
fn a_wrong_delimiter_is_named() {
    let dir = workspace(&SHOP.replace("    files:", "    delimiter: \";\"\n    files:"));
    let path = file(dir.path(), "web.csv", SHOP_ROWS);
    let error = fails(&["import", dir.path().to_str().unwrap(), &path]);
    assert!(error.contains("delimiter") && error.contains("','"), "{error}");
}

#[test]
fn rows_that_cannot_be_read_go_to_the_quarantine() {
    rejected(format!("{HEADER}1,31.12.2023,ana,view,x,,\n"), &["web.csv:2", "31.12.2023", "column at"]);
    rejected(format!("{HEADER}1,2099-01-01T00:00:00Z,ana,view,x,,\n"), &["2099", "after the import"]);
    rejected(format!("{HEADER}1,2024-01-01T00:00:00Z,ana,view,x,NaN,\n"), &["column price", "NaN"]);
    rejected([HEADER.as_bytes(), b"1,2024-01-01T00:00:00Z,a\xff\xfe,view,x,,\n"].concat(), &["UTF-8", "web.csv:2"]);
    rejected(format!("{HEADER}1,2024-01-01T00:00:00Z,ana,view\n"), &["web.csv:2", "4", "7"]);
    rejected(format!("{HEADER}1,2024-01-01T00:00:00Z,{},view,x,,\n", "a".repeat(50 << 20)), &["52428800", "web.csv:2"]);
}

#[test]
fn json_lines_and_spreadsheets_say_where_they_are_broken() {
    let dir = workspace(SHOP);
    let path = file(
        dir.path(),
        "web.jsonl",
        "{\"id\":\"1\",\"at\":\"2024-03-01\",\"who\":\"ana\",\"what\":\"view\",\"device\":\"x\",\"price\":null,\"size\":1}\n{\"id\": broken\n",
    );
    let imported = ok(&["import", dir.path().to_str().unwrap(), &path, "--source", "web"]);
    assert!(imported.contains("1 events accepted") && imported.contains("1 rejected"), "{imported}");
    assert!(ok(&["quarantine", dir.path().to_str().unwrap(), "list"]).contains("web.jsonl:2"));
}

#[test]
fn errors_in_the_spec_have_line_and_column() {
    for (from, to, expected) in [
        ("zone: UTC", "zone: Wien", vec!["line 3, column 7", "IANA"]),
        ("name: what", "nmae: what", vec!["line 12", "nmae", "name"]),
        ("name: what", "name: page_view", vec!["line 12", "no column page_view", "single quotes"]),
        ("time: at", "time: \"at +\"", vec!["line 10", "time"]),
        ("sources:", "sources: [", vec!["line"]),
        ("currency: EUR", "currency: euro", vec!["line 4", "EUR"]),
    ] {
        assert!(SHOP.contains(from));
        let dir = workspace(&SHOP.replace(from, to));
        let path = file(dir.path(), "web.csv", SHOP_ROWS);
        let error = fails(&["import", dir.path().to_str().unwrap(), &path]);
        for part in expected {
            assert!(error.contains(part), "{part:?} in {error}");
        }
    }
}

#[test]
fn a_newer_workspace_is_refused() {
    let dir = workspace(SHOP);
    let path = file(dir.path(), "web.csv", SHOP_ROWS);
    let root = dir.path().to_str().unwrap();
    ok(&["import", root, &path]);
    std::fs::write(dir.path().join("store/workspace.json"), r#"{"format": 1000, "something": "new"}"#).unwrap();
    for arguments in [vec!["ask", root, "sessions"], vec!["import", root, &path], vec!["sql", root, "select 1"]] {
        let error = fails(&arguments);
        assert!(error.contains("format 1000") && error.contains("newer diptych"), "{error}");
    }
}

#[test]
fn a_folder_without_rights_is_named() {
    let dir = workspace(SHOP);
    let path = file(dir.path(), "web.csv", SHOP_ROWS);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o000)).unwrap();
    if std::fs::read(&path).is_ok() {
        println!("skipped: this user may read everything");
        return;
    }
    let error = fails(&["import", dir.path().to_str().unwrap(), &path]);
    assert!(error.contains("web.csv") && error.contains("permission"), "{error}");
}

#[test]
fn a_full_disk_stops_an_import_that_then_goes_on() {
    // /dev/full cannot hold a folder; a limit on file sizes fails writes in the same way.
    let dir = workspace(SHOP);
    let mut rows = String::from(HEADER);
    for n in 0..50_000_u64 {
        rows.push_str(&format!("{n},2024-03-01T10:00:00Z,p{},view,phone,,{}\n", n.wrapping_mul(0x9E37_79B9_7F4A_7C15), n % 7));
    }
    let path = file(dir.path(), "web.csv", &rows);
    let root = dir.path().to_str().unwrap();
    let binary = env!("CARGO_BIN_EXE_diptych");
    let limited =
        Command::new("bash").args(["-c", &format!("trap '' XFSZ; ulimit -f 64; '{binary}' import '{root}' '{path}'")]).output().unwrap();
    assert_eq!(limited.status.code(), Some(1), "{}", text(&limited));
    let error = text(&limited);
    assert!(error.contains("store/log") && !error.contains("panicked"), "{error}");
    assert!(ok(&["import", root, &path]).contains("50,000 events accepted"));
    assert_eq!(cell(&ask(dir.path(), "sessions", &[]), "sessions")["n"], 50_000);
}

#[test]
fn a_second_writer_waits_its_turn_and_readers_go_on() {
    let dir = workspace(SHOP);
    let path = file(dir.path(), "web.csv", SHOP_ROWS);
    let root = dir.path().to_str().unwrap();
    ok(&["import", root, &path]);
    let lock = std::fs::OpenOptions::new().write(true).open(dir.path().join("store/lock")).unwrap();
    lock.lock().unwrap();
    let error = fails(&["import", root, &path]);
    assert!(error.contains("another process is writing"), "{error}");
    assert_eq!(cell(&ask(dir.path(), "sessions", &[]), "sessions")["n"], 3);
}
