//! The scale part with the real binary, at the smallest scale there is.

use std::{fs, path::Path, process::Command};

use serde_json::Value;

/// Beside our own program, where a build of the whole workspace puts it.
fn keytrail() -> String {
    let beside = Path::new(env!("CARGO_BIN_EXE_keytrail-bench")).with_file_name("keytrail");
    assert!(beside.exists(), "{} is not there: build with --workspace", beside.display());
    beside.display().to_string()
}

#[test]
fn a_small_scale_gives_every_row_for_the_owner_and_for_the_member_who_sees_ten() {
    let folder = tempfile::tempdir().expect("folder");
    let file = folder.path().join("scale.json");
    let output = Command::new(env!("CARGO_BIN_EXE_keytrail-bench"))
        .args(["run", "--scale=1000", "--tenants=3", "--shorter=100", "--keytrail", &keytrail(), "--json"])
        .arg(&file)
        .output()
        .expect("the bench program");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    let report: Value = serde_json::from_slice(&fs::read(&file).expect("file")).expect("JSON");
    let rows = report["rows"].as_array().expect("rows");
    let found = |part: &str| {
        let row = rows.iter().find(|row| row["what"].as_str().is_some_and(|what| what.contains(part)));
        row.unwrap_or_else(|| panic!("no row about {part}: {report:#}"))
    };
    // One in ten of what the fill makes, and the ten that are shared.
    found("owner: all, newest first (109 found)");
    found("owner: all, newest first, deep (behind 54 of 109)");
    for page in ["text, status and component, by name", "text, by name", "all, by name", "all, newest first"]
    {
        let row = found(&format!("member who sees ten: {page} (10 found)"));
        assert!(row["runs"]["p50_us"].as_f64().is_some_and(|p50| p50 > 0.0), "{row}");
    }
    let filled = &found("creates while filling")["runs"][0]["sample"];
    assert_eq!(filled["requests"], 990);
    // Each create and each share is an event, besides those of tenants and members.
    let rebuilt = &found("rebuild of the views")["runs"];
    assert!(rebuilt["events"].as_u64().is_some_and(|events| events >= 1_010), "{rebuilt}");
    assert!(found("log on disk")["runs"].as_u64().is_some_and(|bytes| bytes > 100_000));
    assert!(found("start to first answer, full log")["runs"].as_array().is_some_and(|all| all.len() == 5));
}
