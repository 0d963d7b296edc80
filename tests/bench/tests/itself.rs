//! The bench measures something: the limits against themselves, with the real program.

use std::{fs, process::Command};

use serde_json::Value;

#[expect(clippy::expect_used, reason = "a test without its program is a failed test")]
fn bench(args: &[&str]) -> (bool, String, String) {
    let output =
        Command::new(env!("CARGO_BIN_EXE_keytrail-bench")).args(args).output().expect("the bench program");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.success(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn the_limits_against_themselves_give_a_row_for_everything() {
    let folder = tempfile::tempdir().expect("folder");
    let file = folder.path().join("bench.json");
    let (ok, table, log) = bench(&[
        "run",
        "--against-itself",
        "--rounds=3",
        "--shorter=100",
        "--json",
        file.to_str().expect("path"),
    ]);
    assert!(ok, "{log}");

    let report: Value = serde_json::from_slice(&fs::read(&file).expect("file")).expect("JSON");
    let rows = report["rows"].as_array().expect("rows");
    for what in [
        "get one",
        "get one, p99",
        "list 50",
        "list 1,000",
        "create, durable, one connection",
        "alert to 10 subscribers",
        "webhook deliveries",
    ] {
        let row = rows.iter().find(|row| row["what"] == what).expect(what);
        assert!(row["ratio"].as_f64().expect("a ratio") > 0.0);
        assert!(table.contains(what), "{table}");
    }
    let runs = &rows.iter().find(|row| row["what"] == "create, durable").expect("row")["runs"];
    assert_eq!(runs["limit"].as_array().map(Vec::len), Some(3));
    assert_eq!(runs["subject"][2]["requests"], 60, "every request of the plan was answered");
}

#[test]
fn a_subject_that_is_no_server_is_named_and_nothing_is_reported() {
    let (ok, table, log) = bench(&["run", "--keytrail", "/bin/false"]);
    assert!(!ok && table.is_empty(), "{table}");
    assert!(log.contains("did not get ready"), "{log}");
}

#[test]
fn bare_writes_to_a_real_openbao_are_a_limit_too() {
    let folder = tempfile::tempdir().expect("folder");
    let file = folder.path().join("bench.json");
    let json = file.to_str().expect("path");
    let (ok, table, log) =
        bench(&["run", "--against-itself", "--rounds=1", "--shorter=20", "--only=OpenBao", "--json", json]);
    assert!(ok && table.contains("create, OpenBao (raft)"), "{table}{log}");

    let report: Value = serde_json::from_slice(&fs::read(&file).expect("file")).expect("JSON");
    let rows = report["rows"].as_array().expect("rows");
    assert_eq!(rows.len(), 1, "{table}");
    assert_eq!(rows[0]["runs"]["limit"][0]["requests"], 100, "every write was answered");
}
