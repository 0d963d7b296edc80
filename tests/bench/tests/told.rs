//! What Keytrail tells by itself, measured with the real binary, as little as there can be.

use std::{fs, path::Path, process::Command};

use serde_json::Value;

/// The only row of a run of this part.
#[expect(clippy::expect_used, reason = "a test without its program or its report is a failed test")]
fn row(part: &str) -> Value {
    // Beside our own program, where a build of the whole workspace puts it.
    let keytrail = Path::new(env!("CARGO_BIN_EXE_keytrail-bench")).with_file_name("keytrail");
    assert!(keytrail.exists(), "{} is not there: build with --workspace", keytrail.display());
    let folder = tempfile::tempdir().expect("folder");
    let file = folder.path().join("bench.json");
    let output = Command::new(env!("CARGO_BIN_EXE_keytrail-bench"))
        .args(["run", "--rounds=2", "--shorter=50", "--only", part, "--keytrail"])
        .arg(&keytrail)
        .arg("--json")
        .arg(&file)
        .output()
        .expect("the bench program");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut report: Value = serde_json::from_slice(&fs::read(&file).expect("file")).expect("JSON");
    let rows = report["rows"].as_array_mut().expect("rows");
    assert_eq!(rows.len(), 1, "{rows:?}");
    rows.remove(0)
}

fn assert_two_runs_of_each_side(row: &Value) {
    for side in ["limit", "subject"] {
        let runs = row["runs"][side].as_array().map_or(&[][..], Vec::as_slice);
        assert_eq!(runs.len(), 2, "{row}");
        assert!(runs.iter().all(|run| run.as_f64().is_some_and(|figure| figure > 0.0)), "{row}");
    }
}

#[test]
fn an_alert_of_each_round_reaches_every_subscriber() {
    let row = row("alert to");
    assert_eq!(row["what"], "alert to 20 subscribers");
    assert_two_runs_of_each_side(&row);
}

#[test]
fn webhooks_of_every_credential_arrive_at_the_sink() {
    let row = row("webhook");
    assert_eq!(row["what"], "webhook deliveries");
    assert_two_runs_of_each_side(&row);
}
